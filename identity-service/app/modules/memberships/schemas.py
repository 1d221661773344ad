"""What is shown about memberships."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MembershipRead:
    """An organization that a person belongs to, and his built-in role in it."""

    tenant_id: UUID
    slug: str
    name: str
    role: str
