"""The table of sign-ups."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table


class SignUp(Base):
    """Somebody asked for an account with this address. No person before the address is proved:
    whoever named it first must not own what its holder completes.
    """

    __tablename__ = "sign_ups"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]

    __table_args__: Any = (
        {
            "info": global_table(
                Grant(
                    "auth",
                    select=True,
                    insert=("id", "email", "name", "created_at", "expires_at"),
                    update=("used_at",),
                ),
                Grant("worker", select=True, delete=True),
                reason="made before anyone is known",
            )
        },
    )
