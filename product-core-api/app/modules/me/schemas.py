"""What clients receive about themselves."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SupportRead:
    """The support session that the caller acts in, and who really acts."""

    session_id: UUID
    mode: str
    agent_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MeRead:
    """The principal as the token makes it. Profile and memberships: `/me` of the identity service.

    `permissions` is what the role may do, sorted; what the organization's access mode or a support
    session forbids is refused all the same.
    """

    id: UUID
    client_id: str
    tenant_id: UUID | None
    role: str | None
    permissions: list[str]
    support: SupportRead | None
