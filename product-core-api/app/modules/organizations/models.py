"""The table of organizations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, Policy, Predicate, tenant_table

# What the organization itself may read: all but who came first, which is for identity.
_SHOWN = (
    *("tenant_id", "slug", "name", "status", "trial_ends_at", "paid", "support_access"),
    *("suspended_at", "suspension_reason", "created_at", "updated_at", "version"),
)
_SUSPENSION = ("status", "suspended_at", "suspension_reason")
_CHANGES = ("name", "slug", *_SUSPENSION, "trial_ends_at", "paid", "updated_at", "version")


class Organization(Base):
    """A tenant. Its `slug` is the one unique key that does not lead with the tenant.

    `version` grows with each change; the identity service keeps what came with the highest. Who
    comes first is the
    signed-in person who founded it (`founder_id`) or whoever the platform invites; no member reads
    either column, so the ORM loads them only when they are asked for.
    """

    __tablename__ = "organizations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]
    trial_ends_at: Mapped[datetime | None]
    paid: Mapped[bool]
    support_access: Mapped[str]
    suspended_at: Mapped[datetime | None]
    suspension_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int]
    founder_id: Mapped[UUID | None] = mapped_column(deferred=True)
    first_owner_email: Mapped[str | None] = mapped_column(deferred=True)

    __table_args__: Any = (
        UniqueConstraint("slug"),
        Index("ix_organizations_newest", "created_at", "tenant_id"),
        # Counts what somebody has founded, before anything of it is his organization's.
        Index(
            "ix_organizations_founder",
            "founder_id",
            postgresql_where=text("founder_id IS NOT NULL"),
        ),
        CheckConstraint("status IN ('active', 'suspended', 'deleting', 'purged')", name="status"),
        CheckConstraint(
            "support_access IN ('off', 'read_only', 'read_write')", name="support_access"
        ),
        CheckConstraint("founder_id IS NULL OR first_owner_email IS NULL", name="first_owner"),
        {
            "info": tenant_table(
                Grant(
                    "app", select=_SHOWN, update=("name", "support_access", "updated_at", "version")
                ),
                Grant("platform", select=True, insert=True, update=_CHANGES),
                # What identity has heard from a future that a restore undid is overtaken.
                Grant("worker", select=True, update=("version",)),
                Grant("definer", select=True, insert=True),
                every_row=("platform", "worker"),
                policies=(
                    Policy("definer", Predicate.TENANT, "SELECT"),
                    Policy("definer", Predicate.FOUNDER),
                ),
                history=True,
                redact=("first_owner_email",),
            )
        },
    )
