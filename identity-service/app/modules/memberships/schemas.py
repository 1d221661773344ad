"""What is read and shown about memberships."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MembershipRead:
    """An organization that a person belongs to, and his built-in role in it."""

    tenant_id: UUID
    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class MembershipStanding:
    """What decides about a person's tokens for one organization.

    None is issued at or before `tokens_not_before`.
    """

    tenant_id: UUID
    role: str
    tokens_not_before: datetime | None
