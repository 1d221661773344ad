"""What is read and shown about people."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.modules.memberships.schemas import MembershipRead


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may sign in if the password is right."""

    id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides which tokens a person gets now. `password_hash` is None for one without.

    No token is issued at or before `tokens_not_before`.
    """

    id: UUID
    active: bool
    verified: bool
    platform_role: str | None
    last_tenant_id: UUID | None
    tokens_not_before: datetime | None
    password_hash: str | None

    def outlives(self, iat: int) -> bool:
        """Whether a token that was issued at `iat` (seconds since 1970) is dead."""
        return self.tokens_not_before is not None and iat <= self.tokens_not_before.timestamp()


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as he sees himself."""

    id: UUID
    email: str
    name: str
    verified: bool
    platform_role: str | None


@dataclass(frozen=True, slots=True)
class MeRead:
    """The person who calls. `tenant_id` and `role` are those of the token that was sent."""

    id: UUID
    email: str
    name: str
    verified: bool
    platform_role: str | None
    tenant_id: UUID | None
    role: str | None
    memberships: list[MembershipRead]
