"""The table of memberships, and identity's copy of what the core says about organizations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, true
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, Policy, Predicate, global_table, tenant_table


class Tenant(Base):
    """An organization as the core told it last; `version` is the core's, the highest is kept.

    That no two have one slug is the core's to say: its facts may arrive in any order.
    """

    __tablename__ = "tenants"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)

    __table_args__: Any = (
        {
            "info": global_table(
                Grant("auth", select=True),
                reason="names of organizations, shown to their members at sign-in",
            )
        },
    )


class Membership(Base):
    """A person in an organization."""

    __tablename__ = "memberships"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    role: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name="role"),
        {
            "info": tenant_table(
                Grant("app", select=True),
                Grant("auth", select=True),
                policies=(Policy("auth", Predicate.PERSON, "SELECT"),),
            )
        },
    )
