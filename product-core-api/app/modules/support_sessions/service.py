"""The rules of support sessions: who may start one, what it may do, who may end it."""

from datetime import datetime, timedelta
from uuid import UUID

from app.core.identity import Identity
from app.core.jobs import queue
from app.modules.organizations import service as organizations
from app.modules.organizations.schemas import OrganizationRead, SupportAccess
from app.modules.support_sessions import repository
from app.modules.support_sessions.domain import End
from app.modules.support_sessions.schemas import (
    Impersonate,
    Impersonation,
    SupportAccessUpdate,
    SupportMode,
    SupportSessionRead,
)
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError
from shared_lib.ids import uuid7
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx, Unit
from shared_lib.tokens import TokenData
from shared_lib.web import Listing, PageRequest

SEND_STARTED = "send_support_started"
SEND_RECEIPT = "send_support_receipt"
"""The kinds of the jobs that tell an organization's owners."""


class SupportSessionNotFound(ApiError):
    """No live support session that the caller may end has this id."""

    code = "support_session_not_found"
    status = 404
    title = "There is no such live support session"


class SupportAccessOff(ApiError):
    """The organization allows no support sessions."""

    code = "support_access_off"
    status = 403
    title = "The organization allows no support sessions"


class SupportModeNotAllowed(ApiError):
    """The organization allows support sessions to read only."""

    code = "support_mode_not_allowed"
    status = 403
    title = "The organization allows support sessions to read only"


async def impersonate(
    unit: Unit[PlatformTx], identity: Identity, agent_token: str, tenant_id: UUID, wish: Impersonate
) -> Impersonation:
    """Start a support session and return its token.

    `agent_token` is the caller's own. The support token is asked for between two transactions:
    without the row it opens nothing, and a row without its token cannot exist. Raises
    OrganizationNotFound, SupportAccessOff, SupportModeNotAllowed, and what `exchange` raises.
    """
    agent = _token(unit)
    async with unit.transaction() as tx:
        _check_consent(await organizations.hold_organization(tx, tenant_id), wish.mode)
    session_id, started_at = uuid7(), utc_now()
    expires_at = started_at + timedelta(minutes=wish.minutes)
    token = await identity.exchange(
        member_id=wish.member_id or agent.sub,
        tenant_id=tenant_id,
        support_id=session_id,
        support_mode=wish.mode,
        lifetime=expires_at - started_at,
        agent_token=agent_token,
    )
    values = wish.model_dump(include={"member_id", "mode", "reason", "ticket"}) | {
        "tenant_id": tenant_id,
        "id": session_id,
        "agent_id": agent.sub,
        "agent_sid": agent.sid,
        "role": token.claims.role,
        "started_at": started_at,
        "expires_at": expires_at,
    }
    async with unit.transaction() as tx:
        # Held, so that consent withdrawn meanwhile either refuses here or ends the session.
        _check_consent(await organizations.hold_organization(tx, tenant_id), wish.mode)
        await repository.insert_session(tx, values)
        await _tell_of_start(tx, tenant_id, session_id, wish.reason)
        await unit.complete(tx, session_id)
    return Impersonation(
        session_id, tenant_id, wish.mode, expires_at, token.access_token, "Bearer", token.expires_in
    )


async def list_live(tx: PlatformTx, page: PageRequest) -> Listing[SupportSessionRead]:
    """Live sessions: an agent's own, a platform admin's view of all."""
    return await repository.list_live(tx, page, _own_only(tx))


async def count_live(tx: PlatformTx) -> int:
    """How many sessions are live, of all agents and organizations."""
    return await repository.count_live(tx) or 0


async def end_as_platform(tx: PlatformTx, session_id: UUID) -> None:
    """End a session: an agent their own, a platform admin any. Raises SupportSessionNotFound."""
    agent = _token(tx)
    ended = await repository.end_on_platform(tx, session_id, agent.sub, _own_only(tx))
    if ended is None:
        raise SupportSessionNotFound
    by = End.AGENT if agent.sub == ended.agent_id else End.PLATFORM_ADMIN
    await _tell_of_end(tx, ended, by)


async def list_of_tenant(tx: TenantTx, page: PageRequest) -> Listing[SupportSessionRead]:
    """The organization's sessions, live or over, newest first."""
    return await repository.list_of_tenant(tx, page)


async def find_of_tenant(tx: TenantTx, session_id: UUID) -> SupportSessionRead | None:
    """A session of the organization, live or over."""
    return await repository.get_of_tenant(tx, session_id)


async def end_as_tenant(tx: TenantTx, session_id: UUID) -> None:
    """End a session of the caller's organization. Raises SupportSessionNotFound."""
    ended = await repository.end_of_tenant(tx, session_id, tx.caller.actor_id)
    if ended is None:
        raise SupportSessionNotFound
    await _tell_of_end(tx, ended, End.ORGANIZATION)


async def update_support_access(tx: TenantTx, consent: SupportAccessUpdate) -> OrganizationRead:
    """Set what support sessions are allowed; live ones that no longer are end at once."""
    organization = await organizations.set_support_access(tx, consent.support_access)
    disallowed = {
        SupportAccess.OFF: [SupportMode.READ_ONLY, SupportMode.READ_WRITE],
        SupportAccess.READ_ONLY: [SupportMode.READ_WRITE],
        SupportAccess.READ_WRITE: [],
    }[consent.support_access]
    for ended in await repository.end_with_modes(tx, disallowed, tx.caller.actor_id):
        await _tell_of_end(tx, ended, End.CONSENT)
    return organization


async def end_revoked(tx: ServiceTx, subject_id: UUID, until: datetime) -> None:
    """End what a sign-in session, or a person, that ended had begun until then."""
    ended_by = _token(tx).sub
    for ended in await repository.end_of_revoked(tx, subject_id, until, ended_by):
        await _tell_of_end(tx, ended, End.REVOCATION)


async def end_expired(tx: ServiceTx) -> None:
    """End what nobody has ended in time. Its token is dead already; this tells of it, once."""
    for ended in await repository.end_expired(tx):
        await _tell_of_end(tx, ended, End.EXPIRY)


def _check_consent(organization: OrganizationRead, mode: SupportMode) -> None:
    if organization.support_access == SupportAccess.OFF:
        raise SupportAccessOff
    if mode is SupportMode.READ_WRITE and organization.support_access != SupportAccess.READ_WRITE:
        raise SupportModeNotAllowed


async def _tell_of_start(tx: PlatformTx, tenant_id: UUID, session_id: UUID, reason: str) -> None:
    """The event, and a mail for the owners, if and only if the start is committed."""
    await _record(tx, "support_sessions.start", tenant_id, session_id, reason)
    await queue.enqueue(tx, SEND_STARTED, tenant_id=tenant_id, session_id=str(session_id))


async def _tell_of_end(
    tx: TenantTx | PlatformTx | ServiceTx, ended: SupportSessionRead, by: End
) -> None:
    """The event, and a receipt for the owners, if and only if the end is committed."""
    action = "support_sessions.expire" if by is End.EXPIRY else "support_sessions.end"
    await _record(tx, action, ended.tenant_id, ended.id, ended.reason)
    await queue.enqueue(
        tx, SEND_RECEIPT, tenant_id=ended.tenant_id, session_id=str(ended.id), ended_by=by.value
    )


async def _record(
    tx: TenantTx | PlatformTx | ServiceTx,
    action: str,
    tenant_id: UUID,
    session_id: UUID,
    reason: str,
) -> None:
    event = AuditEvent(
        action,
        resource_id=str(session_id),
        reason=reason,
        support_session_id=session_id,
    )
    await tx.record(event, tenant_id=tenant_id)


def _own_only(tx: PlatformTx) -> UUID | None:
    """The agent whose sessions a list or an end is limited to; None for a platform admin."""
    token = _token(tx)
    return None if token.role == "platform_admin" else token.sub


def _token(carrier: PlatformTx | ServiceTx | Unit[PlatformTx]) -> TokenData:
    token = carrier.caller.token
    if token is None:
        raise LookupError("a guard let an anonymous caller through")
    return token
