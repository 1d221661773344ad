"""How sign-in sessions end before their time, who is told, and when they are deleted."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.core.jobs import queue
from app.core.settings import IdentitySettings
from app.modules.revocations import service as revocations
from app.modules.sessions import refresh_tokens, repository
from app.modules.sessions.schemas import EndedSession, EndReason, SessionRow
from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, TokenRevoked
from shared_lib.tenancy import ServiceTx, Tx, UserTx
from shared_lib.tokens import LONGEST_LIFE

SEND_THEFT = "send_session_theft"
"""The kind of the job that mails whose refresh token was used twice."""
_BATCH = 500
_log = structlog.get_logger(__name__)


class SessionNotFound(ApiError):
    """No session of the caller's that is alive has this id."""

    code = "session_not_found"
    status = 404
    title = "There is no such session"


async def sign_out(tx: UserTx) -> None:
    """End the session of the access token that was sent, here at once and in the core soon."""
    await _end(tx, *_caller(tx), EndReason.SIGNED_OUT)


async def sign_out_everywhere(tx: UserTx) -> None:
    """End every session of the caller, this one too, here at once and in the core soon."""
    person_id, _ = _caller(tx)
    await _end_each(tx, person_id, EndReason.SIGNED_OUT_EVERYWHERE, keep=None)


async def end_own(tx: UserTx, session_id: UUID) -> None:
    """End one of the caller's sessions. Raises SessionNotFound."""
    person_id, _ = _caller(tx)
    if not await _end(tx, person_id, session_id, EndReason.ENDED_BY_PERSON):
        raise SessionNotFound


async def end_reused(tx: Tx, session: SessionRow) -> None:
    """A spent refresh token came back too late: nobody keeps the session, its person is told."""
    _log.warning("refresh_token_reused", session=str(session.id))
    if not await _end(tx, session.person_id, session.id, EndReason.REFRESH_TOKEN_REUSED):
        return
    code = EndReason.REFRESH_TOKEN_REUSED.value
    event = AuditEvent("sessions.end", str(session.id), code=code, person_id=session.person_id)
    await tx.record(event, tenant_id=session.tenant_id or PLATFORM)
    await queue.enqueue(tx, SEND_THEFT, session_id=str(session.id))


async def end_of_client(tx: Tx, session_id: UUID, person_id: UUID, client_id: str) -> None:
    """End the session of a token that its client gave back, if it is this person's there."""
    session = await repository.get_session(tx, session_id)
    if session is not None and (session.person_id, session.client_id) == (person_id, client_id):
        await _end(tx, person_id, session_id, EndReason.SIGNED_OUT)


async def end_others(tx: Tx, person_id: UUID, keep: UUID, reason: EndReason) -> None:
    """End every session of a person but one, here at once and in the core soon."""
    await _end_each(tx, person_id, reason, keep=keep)


async def end_all(tx: Tx, person_id: UUID, reason: EndReason) -> None:
    """End every session of a person, here at once and in the core soon.

    Each by itself: what is told of the person counts by the date of a token, which may lie a
    second ahead when something else about him has just changed.
    """
    await _end_each(tx, person_id, reason, keep=None)


async def _end_each(tx: Tx, person_id: UUID, reason: EndReason, *, keep: UUID | None) -> None:
    now = utc_now()
    ended = await repository.end_all(
        tx, reason, person_id=person_id, keep=keep, alive_at=_signed(now), now=now
    )
    for session_id in ended:
        await revocations.revoke_session(tx, session_id, now)


def _signed(now: datetime) -> datetime:
    """When the oldest token that lives now was signed: its session was alive then."""
    return now - timedelta(seconds=LONGEST_LIFE)


def _caller(tx: UserTx) -> tuple[UUID, UUID]:
    """Who calls, and his session. Raises TokenRevoked for who is nobody, who is never admitted."""
    token = tx.caller.token
    if token is None or token.sid is None:
        raise TokenRevoked
    return token.sub, token.sid


async def get_ended(tx: ServiceTx, session_id: UUID) -> EndedSession | None:
    """A session that has ended before its time."""
    return await repository.get_ended(tx, session_id)


async def delete_old(tx: ServiceTx, settings: IdentitySettings) -> bool:
    """Delete some of what is over for longer than it is kept; whether there may be more."""
    before = utc_now() - timedelta(seconds=settings.session_retention)
    tokens = await refresh_tokens.delete_old(tx, before, _BATCH)
    return tokens == _BATCH or await repository.delete_old(tx, before, _BATCH) == _BATCH


async def _end(tx: Tx, person_id: UUID, session_id: UUID, reason: EndReason) -> bool:
    """Whether this ended a session of that person, rather than somebody before."""
    now = utc_now()
    ended = await repository.end_session(tx, session_id, reason, person_id=person_id, now=now)
    if ended:
        await revocations.revoke_session(tx, session_id, now)
    return ended
