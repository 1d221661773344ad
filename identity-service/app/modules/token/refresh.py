"""The refresh token grant (RFC 6749 section 6, RFC 9700 section 4.14); one file per grant."""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from structlog.contextvars import bind_contextvars

from app.core import refresh_cookie
from app.core.database import transaction_of
from app.core.forms import OAuthRequest
from app.core.process import Process, issued_at
from app.modules.clients import service as clients
from app.modules.memberships import service as memberships
from app.modules.memberships.schemas import MembershipStanding
from app.modules.people import service as people
from app.modules.people.schemas import Standing
from app.modules.sessions import ending
from app.modules.sessions import service as sessions
from app.modules.sessions.schemas import SessionRow
from app.modules.token.domain import (
    claims_of,
    invalid_grant,
    membership_in,
    not_before_of,
    refuse_without_second_factor,
)
from app.modules.token.schemas import AccessTokenRead, TokenRead
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit

_REFUSALS = {
    sessions.Use.SESSION_ENDED: ("session_ended", "the sign-in session has ended"),
    sessions.Use.EXPIRED: ("refresh_token_expired", "the refresh token was not used for too long"),
    sessions.Use.REUSED: ("refresh_token_reused", "the refresh token was used before"),
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a refresh token was exchanged for, and for which organization."""

    tenant_id: UUID | None
    token: TokenRead


async def refresh(
    process: Process, unit: Unit[Tx], request: OAuthRequest
) -> TokenRead | AccessTokenRead:
    """Exchange a refresh token, perhaps for another organization. Raises OAuthError."""
    client_id = clients.require_web_client(request)
    request = refresh_cookie.take(process.settings, request)
    refresh_token = request.require("refresh_token")
    request.get_uuid("tenant_id")
    async with unit.transaction() as tx:
        family = await sessions.find_family(tx, refresh_token)
    if family is None:
        raise _unknown()
    bind_contextvars(person=str(family.person_id))
    async with transaction_of(unit, family.person_id) as tx:
        # The person before the session, as whoever shuts him out locks them.
        standing = await people.lock_standing(tx, family.person_id)
        presented = await sessions.present(tx, process.settings, family, refresh_token)
        if presented is None or presented.session.client_id != client_id:
            raise _unknown()
        if standing is None:
            raise invalid_grant("account_inactive", "the account is not active")
        if presented.use is sessions.Use.FIRST:
            return await _rotate(process, tx, request, standing, presented.session)
        if presented.answer is not None:
            return await _repeat(tx, presented.answer, request)
        if presented.use is sessions.Use.REUSED:
            # Committed before the refusal is raised.
            await ending.end_reused(tx, presented.session)
    raise invalid_grant(*_REFUSALS[presented.use])


async def _rotate(
    process: Process, tx: Tx, request: OAuthRequest, standing: Standing, session: SessionRow
) -> TokenRead:
    settings = process.settings
    refuse_without_second_factor(standing, settings.environment)
    membership = await _membership(tx, request, standing, session)
    tenant_id = membership.tenant_id if membership else None
    await people.remember_tenant(tx, standing, request.get_uuid("tenant_id"))
    lifetime = settings.access_token_lifetime
    iat = issued_at(*not_before_of(standing, membership))
    claims = claims_of(process.claims, standing, membership, session, iat=iat, lifetime=lifetime)
    refresh_token = await sessions.issue_next(tx, settings, session)
    token = TokenRead(process.sign(claims), lifetime, refresh_token)
    await sessions.rotate(
        tx,
        settings,
        session,
        spent=request.require("refresh_token"),
        answer=msgspec.json.encode(_Answer(tenant_id, token)),
        tenant_id=tenant_id,
    )
    return token


async def _membership(
    tx: Tx, request: OAuthRequest, standing: Standing, session: SessionRow
) -> MembershipStanding | None:
    """Read anew each time: a role that changed is in the next token, a membership that ended in
    none. The token is not spent by such a refusal, and still opens other organizations.
    """
    wanted = request.get_uuid("tenant_id")
    tenant_id = wanted or session.tenant_id
    if tenant_id is None:
        return None
    return membership_in(
        standing,
        await memberships.hold_standings(tx, standing.id),
        tenant_id,
        code="tenant_not_found" if wanted else "membership_ended",
    )


async def _repeat(tx: Tx, answer: bytes, request: OAuthRequest) -> TokenRead | AccessTokenRead:
    """The answer that the token got before, unless that was for another organization.

    Where the next token is spent as well, a cookie that holds the one after it stays as it is.
    """
    before = msgspec.json.decode(answer, type=_Answer)
    if request.get_uuid("tenant_id") not in (None, before.tenant_id):
        raise invalid_grant(
            "refresh_token_spent", "the token was spent for another organization a moment ago"
        )
    token = before.token
    if refresh_cookie.is_wished(request) and await sessions.is_spent(tx, token.refresh_token):
        return AccessTokenRead(token.access_token, token.expires_in)
    return token


def _unknown() -> OAuthError:
    return invalid_grant("refresh_token_unknown", "there is no such refresh token")
