"""What the platform's admins receive about numbers."""

from dataclasses import dataclass

from app.modules.organizations.schemas import OrganizationCounts


@dataclass(frozen=True, slots=True)
class SupportSessionCounts:
    """Support sessions; live ones are neither ended nor expired."""

    live: int


@dataclass(frozen=True, slots=True)
class MemberCounts:
    """Memberships as identity has told of them; a person in two organizations counts twice."""

    active: int


@dataclass(frozen=True, slots=True)
class StatsRead:
    """The platform in numbers, as they are at this moment."""

    organizations: OrganizationCounts
    members: MemberCounts
    support_sessions: SupportSessionCounts
