"""What is sent, read and shown about memberships."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared_lib.web import Body


class Role(StrEnum):
    """What somebody is in an organization."""

    OWNER = "owner"
    ADMIN = "admin"
    STANDARD = "standard"
    VIEWER = "viewer"
    CLIENT = "client"


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


@dataclass(frozen=True, slots=True)
class MemberRead:
    """A member of an organization; `id` is the person's.

    `email` is shown to owners and admins only. `active` is false while the account is closed.
    """

    id: UUID
    name: str
    email: str | None
    role: Role
    active: bool
    created_at: datetime

    @classmethod
    def of(cls, row: "MemberRow", profile: "MemberProfile", *, address: bool) -> "MemberRead":
        """A member as he is shown, with his address or without."""
        return cls(
            id=row.id,
            name=profile.name,
            email=profile.email if address else None,
            role=Role(row.role),
            active=profile.active,
            created_at=row.created_at,
        )


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A membership of an organization; `id` is the person's."""

    id: UUID
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MemberProfile:
    """What an organization may know of a person who belongs to it.

    His tokens, for whatever organization, that were issued until `tokens_not_before` are dead.
    """

    person_id: UUID
    email: str
    name: str
    active: bool
    tokens_not_before: datetime | None


@dataclass(frozen=True, slots=True)
class LockedMember:
    """A member whom nobody else changes until the transaction ends."""

    person_id: UUID
    role: str
    tokens_not_before: datetime | None


@dataclass(frozen=True, slots=True)
class MemberFact:
    """A membership as the core is told it; of two facts the one with the higher version counts."""

    name: str
    email: str
    role: str
    active: bool
    version: int


class MemberUpdate(Body):
    """The role that a member gets."""

    role: Role
