"""The table of revocations that the core has not confirmed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table


class PendingRevocation(Base):
    """One thing that ended; the row goes when the core has confirmed it.

    `not_before` (for people and memberships): tokens issued until then are dead.
    """

    __tablename__ = "pending_revocations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    tenant_id: Mapped[UUID | None]
    not_before: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))

    __table_args__: Any = (
        CheckConstraint(
            "kind IN ('session', 'person', 'membership', 'service_account')", name="kind"
        ),
        # What the core would refuse must not wait here for ever.
        CheckConstraint("(kind = 'session') = (not_before IS NULL)", name="not_before"),
        CheckConstraint("(kind = 'membership') = (tenant_id IS NOT NULL)", name="tenant_id"),
        {
            "info": global_table(
                Grant("auth", insert=True),
                Grant("worker", select=True, update=("attempts",), delete=True),
                reason="facts for the core, about people of any organization or none",
            )
        },
    )
