"""What clients send and receive about popups."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.core.schemas import Body, Instant, Name, ShortText, Slug, omitted


class PopupStatus(StrEnum):
    """Where a popup is in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    ENDED = "ended"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class PopupRead:
    """A popup. Times are UTC."""

    id: UUID
    name: str
    slug: str
    tagline: str | None
    location: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    status: PopupStatus
    created_at: datetime
    updated_at: datetime


class PopupCreate(Body):
    """A new popup; only `name` is required. Without a `slug` one is made from the name."""

    name: Name
    slug: Slug | None = None
    tagline: ShortText | None = None
    location: ShortText | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    status: PopupStatus = PopupStatus.DRAFT


class PopupUpdate(Body):
    """What to change; fields that are not sent stay as they are."""

    name: Name = omitted()
    slug: Slug = omitted()
    tagline: ShortText | None = None
    location: ShortText | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    status: PopupStatus = omitted()
