"""The rules of sign-in sessions: how long they live, how their tokens turn, how they end."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.core.jobs import queue
from app.core.settings import IdentitySettings
from app.modules.revocations import service as revocations
from app.modules.security_events import service as security_events
from app.modules.sessions import refresh_tokens, repository
from app.modules.sessions.domain import (
    Use,
    hash_of,
    judge,
    new_refresh_token,
    open_answer,
    seal_answer,
)
from app.modules.sessions.schemas import (
    EndedSession,
    EndReason,
    Family,
    SessionRead,
    SessionRow,
)
from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, TokenRevoked
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, Tx, UserTx
from shared_lib.tokens import LONGEST_LIFE
from shared_lib.web import Listing, PageRequest

__all__ = [
    "SEND_THEFT",
    "EndReason",
    "Presented",
    "SessionNotFound",
    "Use",
    "delete_old",
    "end_all",
    "end_others",
    "end_own",
    "end_reused",
    "find_alive",
    "find_family",
    "get_ended",
    "issue_next",
    "list_recent_addresses",
    "list_sessions",
    "present",
    "rotate",
    "sign_out",
    "sign_out_everywhere",
    "start",
]

SEND_THEFT = "send_session_theft"
"""The kind of the job that mails whose refresh token was used twice."""
_BATCH = 500
_KNOWN_FOR = timedelta(days=30)
_NOBODY = UUID(int=0)
_log = structlog.get_logger(__name__)


class SessionNotFound(ApiError):
    """No session of the caller's that is alive has this id."""

    code = "session_not_found"
    status = 404
    title = "There is no such session"


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that a client presented. `answer` is what a repeated one got before."""

    session: SessionRow
    use: Use
    answer: bytes | None = field(default=None, repr=False)


async def start(
    tx: Tx,
    settings: IdentitySettings,
    *,
    person_id: UUID,
    client_id: str,
    amr: tuple[str, ...],
    tenant_id: UUID | None,
) -> tuple[SessionRow, str]:
    """Begin a session; the session and its first refresh token."""
    now = utc_now()
    session = await repository.insert_session(
        tx,
        session_id=uuid7(),
        person=person_id,
        client_id=client_id,
        amr=" ".join(amr),
        tenant=tenant_id,
        now=now,
        expires_at=now + timedelta(seconds=settings.refresh_absolute),
    )
    if session is None:
        raise LookupError("an inserted row was not returned")
    return session, await _issue(tx, settings, session, now)


async def find_family(tx: Tx, refresh_token: str) -> Family | None:
    """Whose refresh token it is; None for one that we never gave out."""
    return await refresh_tokens.find_family(tx, hash_of(refresh_token))


async def find_alive(tx: Tx, session_id: UUID) -> SessionRow | None:
    """A session that is alive now."""
    session = await repository.get_session(tx, session_id)
    return session if session and session.is_alive(utc_now()) else None


async def list_recent_addresses(tx: Tx, person_id: UUID | None) -> list[str]:
    """The client addresses from which a person signed in during the last 30 days.

    None costs the same and has none.
    """
    since = utc_now() - _KNOWN_FOR
    return await repository.list_addresses(tx, person_id or _NOBODY, since)


async def present(
    tx: Tx, settings: IdentitySettings, family: Family, refresh_token: str
) -> Presented | None:
    """What presenting the token amounts to. Others who present one of the family wait for `tx`.

    The token is read after its session is locked: whoever held the lock may have spent it.
    """
    session = await repository.lock_session(tx, family.session_id)
    token = await refresh_tokens.get_token(tx, hash_of(refresh_token))
    if session is None or token is None:
        return None
    grace = timedelta(seconds=settings.refresh_grace)
    use = judge(session, token, now=utc_now(), grace=grace)
    if use is not Use.REPEATED or token.answer is None:
        return Presented(session, use)
    return Presented(session, use, open_answer(refresh_token, token.answer))


async def issue_next(tx: Tx, settings: IdentitySettings, session: SessionRow) -> str:
    """The refresh token that follows the one presented."""
    return await _issue(tx, settings, session, utc_now())


async def rotate(
    tx: Tx,
    settings: IdentitySettings,
    session: SessionRow,
    *,
    spent: str,
    answer: bytes,
    tenant_id: UUID | None,
) -> None:
    """Spend a refresh token for `answer`, which contains the next one."""
    now = utc_now()
    await refresh_tokens.spend_token(tx, hash_of(spent), seal_answer(spent, answer), now)
    await repository.touch_session(tx, session.id, tenant_id, now)
    grace = timedelta(seconds=settings.refresh_grace)
    await refresh_tokens.forget_answers(tx, session.id, now - grace)


async def end_reused(tx: Tx, session: SessionRow) -> None:
    """A spent refresh token came back too late: nobody keeps the session, its person is told."""
    _log.warning("refresh_token_reused", session=str(session.id))
    if not await _end(tx, session.person_id, session.id, EndReason.REFRESH_TOKEN_REUSED):
        return
    event = AuditEvent("sessions.end", str(session.id), code=EndReason.REFRESH_TOKEN_REUSED.value)
    await security_events.record(
        tx, event, tenant_id=session.tenant_id or PLATFORM, person_id=session.person_id
    )
    await queue.enqueue(tx, SEND_THEFT, session_id=str(session.id))


async def sign_out(tx: UserTx) -> None:
    """End the session of the access token that was sent, here at once and in the core soon."""
    await _end(tx, *_caller(tx), EndReason.SIGNED_OUT)


async def sign_out_everywhere(tx: UserTx) -> None:
    """End every session of the caller, this one too, here at once and in the core soon."""
    person_id, _ = _caller(tx)
    await _end_each(tx, person_id, EndReason.SIGNED_OUT_EVERYWHERE, keep=None)


async def list_sessions(
    tx: UserTx, settings: IdentitySettings, page: PageRequest
) -> Listing[SessionRead]:
    """The caller's sessions that something may still be done with, the newest first."""
    person_id, current = _caller(tx)
    now = utc_now()
    return await repository.list_alive(
        tx,
        page,
        person_id=person_id,
        current=current,
        now=now,
        used_since=now - timedelta(seconds=settings.refresh_idle),
    )


async def end_own(tx: UserTx, session_id: UUID) -> None:
    """End one of the caller's sessions. Raises SessionNotFound."""
    person_id, _ = _caller(tx)
    if not await _end(tx, person_id, session_id, EndReason.ENDED_BY_PERSON):
        raise SessionNotFound


async def end_others(tx: Tx, person_id: UUID, keep: UUID, reason: EndReason) -> None:
    """End every session of a person but one, here at once and in the core soon."""
    await _end_each(tx, person_id, reason, keep=keep)


async def end_all(tx: Tx, person_id: UUID, reason: EndReason) -> None:
    """End every session of a person. That the core must hear of him is the caller's business."""
    now = utc_now()
    await repository.end_all(
        tx, reason, person_id=person_id, keep=None, alive_at=_signed(now), now=now
    )


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


async def _issue(tx: Tx, settings: IdentitySettings, session: SessionRow, now: datetime) -> str:
    refresh_token = new_refresh_token()
    idle = now + timedelta(seconds=settings.refresh_idle)
    await refresh_tokens.insert_token(
        tx,
        hash_of(refresh_token),
        session.id,
        now=now,
        expires_at=min(idle, session.expires_at),
    )
    return refresh_token
