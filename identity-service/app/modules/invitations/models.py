"""The table of invitations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, tenant_table

OPEN = "accepted_at IS NULL AND revoked_at IS NULL"


class Invitation(Base):
    """An invitation of whoever reads the mail of `email`. Its token is derived, never stored.

    `invited_by` is empty where the platform invited an organization's first owner.
    """

    __tablename__ = "invitations"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_normalized: Mapped[str] = mapped_column(Computed("lower(email)", persisted=True))
    role: Mapped[str]
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    revoked_at: Mapped[datetime | None]

    __table_args__: Any = (
        CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name="role"),
        CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="accepted"),
        CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="ended_once"),
        # T28: one that is over does not stand in the way of the next.
        Index(
            "uq_invitations_open",
            "tenant_id",
            "email_normalized",
            unique=True,
            postgresql_where=text(OPEN),
        ),
        Index("ix_invitations_newest", "tenant_id", "created_at", "id"),
        # For find_invitation and accept_invitation: a link names no organization.
        Index("ix_invitations_id", "id"),
        {
            "info": tenant_table(
                Grant("app", select=True, insert=True, update=("revoked_at",)),
                Grant("worker", insert=True),
                Grant(
                    "definer",
                    select=True,
                    insert=("tenant_id", "id", "email", "role", "created_at", "expires_at"),
                    update=("accepted_at", "accepted_by", "revoked_at"),
                ),
                every_row=("worker", "definer"),
            )
        },
    )
