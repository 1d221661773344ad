"""What clients send and receive about organizations."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.core.schemas import Body, Name, Reason, omitted
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
    """An organization. `access_mode` is what its staff may do now."""

    id: UUID
    slug: str
    name: str
    status: OrganizationStatus
    access_mode: AccessMode
    trial_ends_at: datetime | None
    paid: bool
    support_access: SupportAccess
    created_at: datetime
    updated_at: datetime


class OrganizationUpdate(Body):
    """What to change; fields that are not sent stay as they are."""

    name: Name = omitted()


class OrganizationSuspend(Body):
    """Why the organization is suspended; its audit log shows it."""

    reason: Reason


class OrganizationReactivate(Body):
    """Nothing is asked: an empty object."""
