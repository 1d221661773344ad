"""The tables of people and of their credentials."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, true
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table

_REASON = "read before anyone is known"
_SHOWN_TO_STAFF = (
    "id",
    "email",
    "email_normalized",
    "name",
    "platform_role",
    "verified_at",
    "active",
    "tokens_not_before",
    "created_at",
    "updated_at",
)


class Person(Base):
    """A person. `email` is spelled as it was given; two that differ in case only are one.

    Access tokens issued until `tokens_not_before` are dead. `password_changed_at`: when a password
    took the place of another; it stands here because whoever waits for this row reads it anew.
    """

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_normalized: Mapped[str] = mapped_column(
        Computed("lower(email)", persisted=True), unique=True
    )
    name: Mapped[str]
    platform_role: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(server_default=true())
    last_tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"))
    tokens_not_before: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        CheckConstraint(
            "platform_role IN ('platform_admin', 'support_agent')", name="platform_role"
        ),
        {
            "info": global_table(
                # Nobody is made staff of the platform by an INSERT through this role.
                Grant(
                    "auth",
                    select=True,
                    insert=("id", "email", "name", "verified_at", "created_at", "updated_at"),
                    update=(
                        "name",
                        "last_tenant_id",
                        "tokens_not_before",
                        "password_changed_at",
                        "updated_at",
                    ),
                ),
                Grant(
                    "platform",
                    select=_SHOWN_TO_STAFF,
                    update=("active", "tokens_not_before", "updated_at"),
                ),
                Grant("worker", select=True),
                # UPDATE: FOR SHARE asks for it.
                Grant("definer", select=True, update=("updated_at",)),
                reason=_REASON,
            )
        },
    )


class Credential(Base):
    """The password of a person: an encoded Argon2id hash (PHC string format)."""

    __tablename__ = "credentials"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    password_hash: Mapped[str]
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        {
            "info": global_table(
                Grant("auth", select=True, insert=True, update=("password_hash", "updated_at")),
                reason=_REASON,
            )
        },
    )
