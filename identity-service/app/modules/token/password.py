"""The password grant, for the first-party client only; one file per grant.

A wrong address, a wrong password, no password and an inactive account are one answer and one
hash. What else may be wrong is said to nobody but the person who knows the password.
"""

import structlog
from structlog.contextvars import bind_contextvars

from app.core import refresh_cookie
from app.core.database import transaction_of
from app.core.forms import OAuthRequest
from app.core.passwords import Checked
from app.core.process import WEB_CLIENT, Process, issued_at
from app.core.throttle import account_key, admit_sign_in
from app.modules.clients import service as clients
from app.modules.memberships import service as memberships
from app.modules.password_resets import service as password_resets
from app.modules.people import service as people
from app.modules.people.schemas import Candidate
from app.modules.sessions import service as sessions
from app.modules.token.domain import (
    claims_of,
    invalid_grant,
    membership_at_sign_in,
    not_before_of,
    refuse_without_second_factor,
)
from app.modules.token.schemas import TokenRead
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit

_AMR = ("pwd",)  # RFC 8176
_log = structlog.get_logger(__name__)


async def sign_in(process: Process, unit: Unit[Tx], request: OAuthRequest) -> TokenRead:
    """Begin a sign-in session. Raises OAuthError, SignInBusy or TooManyAttempts."""
    if not process.settings.password_sign_in:
        raise OAuthError(
            "unsupported_grant_type",
            code="password_sign_in_disabled",
            description="people do not sign in with a password here",
        )
    # A page of somebody else must not sign people in, even where CORS hides the answer.
    refresh_cookie.check_origin(process.settings, request)
    clients.require_web_client(request)
    username, password = account_key(request.require("username")), request.require("password")
    request.get_uuid("tenant_id")
    candidate, checked = await _check_password(process, unit, username, password)
    async with transaction_of(unit, candidate.id) as tx:
        return await _begin_session(process, tx, request, candidate, checked)


async def _check_password(
    process: Process, unit: Unit[Tx], username: str, password: str
) -> tuple[Candidate, Checked]:
    """Whose password it is. The same is done for an address that nobody has; for an attempt that
    is throttled nothing is, whoever it is for.
    """

    async def known_addresses() -> list[str]:
        async with unit.transaction() as tx:
            person = await people.find_candidate(tx, username)
            person_id = person.id if person else None
            used = await sessions.list_recent_addresses(tx, person_id)
            return [*used, *await password_resets.list_addresses(tx, person_id)]

    attempt = await admit_sign_in(process.limiter, username, unit.caller.client_ip, known_addresses)
    try:
        async with unit.transaction() as tx:
            candidate = await people.find_candidate(tx, username)
        if candidate is not None:
            bind_contextvars(person=str(candidate.id))
        # No transaction is open while the hash is computed.
        stored = candidate.password_hash if candidate else None
        checked = await process.passwords.check(stored, password)
    except BaseException:
        await attempt.withdraw()
        raise
    if candidate is None or not checked.matches:
        raise _invalid_credentials()
    await attempt.succeeded()
    return candidate, checked


async def _begin_session(
    process: Process,
    tx: Tx,
    request: OAuthRequest,
    candidate: Candidate,
    checked: Checked,
) -> TokenRead:
    settings = process.settings
    standing = await people.lock_standing(tx, candidate.id)
    if standing is None or standing.password_changed_at != candidate.password_changed_at:
        raise _invalid_credentials()  # shut out, or the password changed, a moment ago
    refuse_without_second_factor(standing, settings.environment)
    membership = membership_at_sign_in(
        standing,
        await memberships.hold_standings(tx, standing.id),
        request.get_uuid("tenant_id"),
    )
    tenant_id = membership.tenant_id if membership else None
    await people.remember_tenant(tx, standing, tenant_id)
    if checked.renewed is not None:
        await people.renew_hash(tx, standing.id, checked.renewed)
    session, refresh_token = await sessions.start(
        tx,
        settings,
        person_id=standing.id,
        client_id=WEB_CLIENT,
        amr=_AMR,
        tenant_id=tenant_id,
    )
    lifetime = settings.access_token_lifetime
    iat = issued_at(*not_before_of(standing, membership))
    claims = claims_of(process.claims, standing, membership, session, iat=iat, lifetime=lifetime)
    _log.info("signed_in", session=str(session.id))
    return TokenRead(process.sign(claims), lifetime, refresh_token)


def _invalid_credentials() -> OAuthError:
    return invalid_grant("invalid_credentials", "the address or the password is wrong")
