"""What clients send and receive about support sessions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.core.schemas import Body, PlainText
from app.modules.organizations.schemas import SupportAccess

SupportReason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=10, max_length=1000), PlainText
]
Ticket = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), PlainText
]


class SupportMode(StrEnum):
    """What a support session may do."""

    READ_ONLY = "read_only"
    READ_WRITE = "read_write"


class Impersonate(Body):
    """Start a support session. `member_id`: whom to act as; without one, nobody in particular."""

    reason: SupportReason
    ticket: Ticket | None = None
    mode: SupportMode = SupportMode.READ_ONLY
    minutes: Annotated[int, Field(ge=1, le=60, strict=True)] = 30
    member_id: UUID | None = None


class SupportAccessUpdate(Body):
    """The organization's consent to support sessions."""

    support_access: SupportAccess


@dataclass(frozen=True, slots=True)
class Impersonation:
    """A support session that has begun, and the token that it is used with."""

    session_id: UUID
    tenant_id: UUID
    mode: SupportMode
    expires_at: datetime
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


@dataclass(frozen=True, slots=True)
class SupportSessionRead:
    """A support session. Live until `ended_at` or `expires_at`, whichever comes first."""

    id: UUID
    tenant_id: UUID
    agent_id: UUID
    member_id: UUID | None
    role: str
    mode: SupportMode
    reason: str
    ticket: str | None
    started_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_by: UUID | None

    @property
    def created_at(self) -> datetime:
        """What lists are ordered by."""
        return self.started_at
