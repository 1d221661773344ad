"""The table of memberships."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, Policy, Predicate, tenant_table


class Membership(Base):
    """A person in an organization; one who left and comes back gets the same row.

    `version` counts the changes that the core is told of. Access tokens for this organization that
    were issued until `tokens_not_before` are dead.
    """

    __tablename__ = "memberships"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    role: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default=true())
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    tokens_not_before: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name="role"),
        Index("ix_memberships_newest", "tenant_id", "created_at", "person_id"),
        {
            "info": tenant_table(
                Grant(
                    "app",
                    select=True,
                    update=("role", "active", "version", "tokens_not_before", "updated_at"),
                ),
                # Whoever is given a token holds his memberships meanwhile: FOR SHARE asks for this.
                Grant("auth", select=True, update=("updated_at",)),
                # A founder becomes a member, and changes of people reach the core.
                Grant("worker", select=True, insert=True, update=("version", "updated_at")),
                # By accept_invitation, which joins nobody but who was invited.
                Grant(
                    "definer",
                    select=True,
                    insert=True,
                    update=("role", "active", "version", "updated_at"),
                ),
                every_row=("worker", "definer"),
                policies=(Policy("auth", Predicate.PERSON),),
            )
        },
    )
