"""The table of popups."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, tenant_table


class Popup(Base):
    """An event of one organization."""

    __tablename__ = "popups"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    slug: Mapped[str]
    tagline: Mapped[str | None]
    location: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    status: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        UniqueConstraint("tenant_id", "slug"),
        ForeignKeyConstraint(["tenant_id"], ["organizations.tenant_id"]),
        Index("ix_popups_newest", "tenant_id", "created_at", "id"),
        CheckConstraint("status IN ('draft', 'active', 'ended', 'archived')", name="status"),
        CheckConstraint("ends_at >= starts_at", name="period"),
        {
            "info": tenant_table(
                Grant(
                    "app",
                    select=True,
                    insert=True,
                    update=(
                        "name",
                        "slug",
                        "tagline",
                        "location",
                        "starts_at",
                        "ends_at",
                        "status",
                        "updated_at",
                    ),
                    delete=True,
                ),
                history=True,
            )
        },
    )
