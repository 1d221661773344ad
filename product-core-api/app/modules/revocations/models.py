"""The table of revocations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table


class Revocation(Base):
    """Tokens of `subject_id` are dead: all of them, or those issued until `not_before`.

    A signing key is there by its `shared_lib.tokens.signing_key_id`, for admission takes UUIDs.
    `tenant_id` is the organization that a membership was in, the nil id for everything else.
    """

    __tablename__ = "revocations"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    not_before: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    received_at: Mapped[datetime]

    __table_args__: Any = (
        Index("ix_revocations_received", "received_at"),
        CheckConstraint(
            "kind IN ('session', 'person', 'membership', 'service_account', 'signing_key')",
            name="kind",
        ),
        CheckConstraint(
            "(kind IN ('session', 'signing_key')) = (not_before IS NULL)", name="not_before"
        ),
        {
            "info": global_table(
                Grant(
                    "worker",
                    select=True,
                    insert=True,
                    update=("not_before", "ended_at", "received_at"),
                    delete=True,
                ),
                Grant("definer", select=True),
                reason="read by admission before the caller's organization is trusted",
            )
        },
    )
