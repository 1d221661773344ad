"""The rules of sign-in sessions: how long they live, how their tokens turn, how they end."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.core.settings import IdentitySettings
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
    Family,
    SessionRead,
    SessionRow,
)
from shared_lib.clock import utc_now
from shared_lib.errors import TokenRevoked
from shared_lib.ids import uuid7
from shared_lib.tenancy import Tx, UserTx
from shared_lib.web import Listing, PageRequest

__all__ = [
    "Presented",
    "Usable",
    "Use",
    "find_alive",
    "find_family",
    "find_usable",
    "is_spent",
    "issue_next",
    "list_recent_addresses",
    "list_sessions",
    "present",
    "rotate",
    "start",
]

_KNOWN_FOR = timedelta(days=30)
_NOBODY = UUID(int=0)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that a client presented. `answer` is what a repeated one got before."""

    session: SessionRow
    use: Use
    answer: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Usable:
    """A refresh token that could be exchanged now, and whose."""

    person_id: UUID
    client_id: str
    expires_at: datetime


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


async def find_usable(tx: Tx, refresh_token: str) -> Usable | None:
    """Look at a refresh token without presenting it: nothing is spent, locked or ended."""
    family = await find_family(tx, refresh_token)
    session = await find_alive(tx, family.session_id) if family else None
    token = await refresh_tokens.get_token(tx, hash_of(refresh_token))
    if session is None or token is None or token.spent_at is not None:
        return None
    if token.expires_at <= utc_now():
        return None
    return Usable(session.person_id, session.client_id, token.expires_at)


async def is_spent(tx: Tx, refresh_token: str) -> bool:
    """Whether a refresh token was exchanged for the next one; ask when its session is locked."""
    token = await refresh_tokens.get_token(tx, hash_of(refresh_token))
    return token is None or token.spent_at is not None


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


async def list_sessions(
    tx: UserTx, settings: IdentitySettings, page: PageRequest
) -> Listing[SessionRead]:
    """The caller's sessions that something may still be done with, the newest first."""
    token = tx.caller.token
    if token is None:
        raise TokenRevoked
    now = utc_now()
    return await repository.list_alive(
        tx,
        page,
        person_id=token.sub,
        current=token.sid,
        now=now,
        used_since=now - timedelta(seconds=settings.refresh_idle),
    )


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
