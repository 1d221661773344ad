"""The table of organizations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, Policy, Predicate, tenant_table

_SUSPENSION = ("status", "suspended_at", "suspension_reason", "updated_at", "version")


class Organization(Base):
    """A tenant. Its `slug` is the one unique key that does not lead with the tenant.

    `version` counts the changes that the identity service is told of.
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

    __table_args__: Any = (
        UniqueConstraint("slug"),
        Index("ix_organizations_newest", "created_at", "tenant_id"),
        CheckConstraint("status IN ('active', 'suspended', 'deleting', 'purged')", name="status"),
        CheckConstraint(
            "support_access IN ('off', 'read_only', 'read_write')", name="support_access"
        ),
        {
            "info": tenant_table(
                Grant(
                    "app", select=True, update=("name", "support_access", "updated_at", "version")
                ),
                Grant("platform", select=True, update=_SUSPENSION),
                Grant("worker", select=True),
                Grant("definer", select=True),
                every_row=("platform", "worker"),
                policies=(Policy("definer", Predicate.TENANT, "SELECT"),),
                history=True,
            )
        },
    )
