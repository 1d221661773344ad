"""The table of members."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, tenant_table

_TOLD = ("name", "email", "role", "active", "version", "updated_at")


class Member(Base):
    """A person in an organization: the identity service's fact, of which this is the last word
    heard. `version` is that of its row; what decides access is the token, never this.
    """

    __tablename__ = "members"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    active: Mapped[bool]
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        ForeignKeyConstraint(["tenant_id"], ["organizations.tenant_id"]),
        Index("ix_members_role", "tenant_id", "role", "person_id"),
        CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name="role"),
        {
            "info": tenant_table(
                Grant("app", select=True),
                # To count them, not to know them.
                Grant("platform", select=("tenant_id", "active")),
                Grant("worker", select=True, insert=True, update=_TOLD),
                every_row=("platform", "worker"),
            )
        },
    )
