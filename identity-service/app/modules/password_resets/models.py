"""The table of password resets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table


class PasswordReset(Base):
    """Somebody asked to reset the password of this address.

    `person_id` is set when a link is mailed, so never for an address that nobody has.
    """

    __tablename__ = "password_resets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    used_from: Mapped[str | None]

    __table_args__: Any = (
        {
            "info": global_table(
                Grant(
                    "auth",
                    select=True,
                    insert=("id", "email", "created_at", "expires_at"),
                    update=("used_at", "used_from"),
                ),
                Grant("worker", select=True, update=("person_id",), delete=True),
                reason="made before anyone is known",
            )
        },
    )
