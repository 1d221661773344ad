"""What is read about sign-in sessions and refresh tokens."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class EndReason(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    ENDED_BY_PERSON = "ended_by_person"  # from another of his sessions
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105  the name of a reason
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    PERSON_DEACTIVATED = "person_deactivated"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A sign-in session. `amr` is separated by spaces."""

    id: UUID
    person_id: UUID
    client_id: str
    amr: str
    auth_time: datetime
    tenant_id: UUID | None
    expires_at: datetime
    ended_at: datetime | None

    def is_alive(self, now: datetime) -> bool:
        """Whether it has neither ended nor reached its absolute limit."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that has ended before its time."""

    person_id: UUID
    auth_time: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRead:
    """A sign-in session as its person sees it. `current`: the one that asks.

    `client_ip` and `user_agent` say where it began, `last_client_ip` where it was used last.
    """

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    client_ip: str | None
    user_agent: str | None
    last_client_ip: str | None
    tenant_id: UUID | None
    current: bool


@dataclass(frozen=True, slots=True)
class RefreshTokenRow:
    """A refresh token; `answer` is the ciphertext of what it was exchanged for."""

    expires_at: datetime
    spent_at: datetime | None
    answer: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Family:
    """Whose refresh token it is."""

    session_id: UUID
    person_id: UUID
