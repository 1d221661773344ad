"""The table of trusted clients: our own services."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import true
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table


class TrustedClient(Base):
    """One of our services: its secret, of 256 random bits, by its SHA-256."""

    __tablename__ = "trusted_clients"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes]
    active: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__: Any = (
        {
            "info": global_table(
                Grant("auth", select=True),
                Grant("worker", select=True, insert=True, update=("secret_hash", "updated_at")),
                Grant("definer", select=("id", "active")),
                reason="read before anyone is known",
            )
        },
    )
