"""What clients send and receive about organizations."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from app.core.schemas import Body, Instant, Name, Reason, Slug, omitted
from shared_lib.addresses import EmailAddress
from shared_lib.tenancy import AccessMode


class OrganizationStatus(StrEnum):
    """Where an organization is in its life."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"
    PURGED = "purged"


class SupportAccess(StrEnum):
    """What support sessions the organization allows."""

    OFF = "off"
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"


@dataclass(frozen=True, slots=True)
class OrganizationRead:
    """An organization. `access_mode` is what its staff may do now.

    `trial_days_left` counts begun days; null when the organization has paid, or has no trial.
    """

    id: UUID
    slug: str
    name: str
    status: OrganizationStatus
    access_mode: AccessMode
    trial_ends_at: datetime | None
    trial_days_left: int | None
    paid: bool
    support_access: SupportAccess
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OrganizationDetails(OrganizationRead):
    """An organization with what only the platform's admins see.

    Who came first is either the person who founded it or the address that was invited.
    """

    suspended_at: datetime | None
    suspension_reason: str | None
    founder_id: UUID | None
    first_owner_email: str | None
    version: int


@dataclass(frozen=True, slots=True)
class TenantFact:
    """What the identity service is told of an organization; it keeps what has the highest version.

    Who came first makes the first owner: the person who founded it, or the address to invite.
    """

    slug: str
    name: str
    status: OrganizationStatus
    version: int
    founder_id: UUID | None
    first_owner_email: str | None


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """How many organizations have which status."""

    active: int
    suspended: int
    deleting: int
    purged: int


@dataclass(frozen=True, slots=True)
class ModeCounts:
    """How many organizations let their staff do what now; purged ones do not count."""

    active: int
    read_only: int
    blocked: int


@dataclass(frozen=True, slots=True)
class OrganizationCounts:
    """Organizations in numbers. `total` leaves out the purged ones.

    The other numbers leave out those being deleted, too: `new_in_7_days` and `new_in_30_days` by
    creation, `trials_ending_in_7_days` of active ones that have not paid.
    """

    total: int
    by_status: StatusCounts
    by_access_mode: ModeCounts
    new_in_7_days: int
    new_in_30_days: int
    trials_ending_in_7_days: int


@dataclass(frozen=True, slots=True)
class OrganizationFounded:
    """An organization that the caller owns, as soon as the identity service has heard of it.

    `refresh_token` with its id as `tenant_id` then gives a token for it.
    """

    id: UUID
    slug: str
    name: str
    trial_ends_at: datetime


class OrganizationFound(Body):
    """A new organization of the caller's. Without a `slug` one is made from the name."""

    name: Name
    slug: Slug | None = None


class OrganizationCreate(Body):
    """A new organization; its first owner is invited. Without a `slug` one is made from the name.

    One that has paid has no trial.
    """

    name: Name
    slug: Slug | None = None
    first_owner_email: EmailAddress
    paid: Annotated[bool, Field(strict=True)] = False


class OrganizationUpdate(Body):
    """What to change; fields that are not sent stay as they are."""

    name: Name = omitted()


class OrganizationSuspend(Body):
    """Why the organization is suspended; its audit log shows it."""

    reason: Reason


class OrganizationReactivate(Body):
    """Nothing is asked: an empty object."""


class OrganizationRename(Body):
    """What to change; fields that are not sent stay as they are. A slug is part of links."""

    name: Name = omitted()
    slug: Slug = omitted()


class TrialExtend(Body):
    """How long the trial runs, and why: days more (counted from now if it is over), or an end."""

    days: Annotated[int, Field(ge=1, le=365, strict=True)] | None = None
    until: Instant | None = None
    reason: Reason

    @model_validator(mode="after")
    def _says_it_once(self) -> "TrialExtend":
        if (self.days is None) == (self.until is None):
            raise ValueError("give either days or until")
        return self


class OrganizationMarkPaid(Body):
    """Nothing is asked: an empty object."""


class OrganizationMarkUnpaid(Body):
    """Why the organization counts as unpaid; its audit log shows it."""

    reason: Reason
