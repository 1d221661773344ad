"""The table of support sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, Policy, Predicate, tenant_table

_END = ("ended_at", "ended_by")


class SupportSession(Base):
    """One impersonation. A token without this row opens nothing.

    `agent_sid` is the agent's sign-in session: when that ends, this ends. A session that has
    ended is never changed again, whoever asks: a trigger of the migrations refuses.
    """

    __tablename__ = "support_sessions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID]
    agent_sid: Mapped[UUID]
    member_id: Mapped[UUID | None]
    role: Mapped[str]
    mode: Mapped[str]
    reason: Mapped[str]
    ticket: Mapped[str | None]
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]

    __table_args__: Any = (
        ForeignKeyConstraint(["tenant_id"], ["organizations.tenant_id"]),
        Index("ix_support_sessions_newest", "tenant_id", "started_at", "id"),
        Index("ix_support_sessions_id", "id"),
        Index("ix_support_sessions_agent", "agent_id", "started_at", "id"),
        Index(
            "ix_support_sessions_live_sid", "agent_sid", postgresql_where=text("ended_at IS NULL")
        ),
        CheckConstraint("mode IN ('read_only', 'read_write')", name="mode"),
        CheckConstraint("expires_at <= started_at + interval '60 minutes'", name="length"),
        CheckConstraint("length(reason) >= 10", name="reason"),
        {
            "info": tenant_table(
                Grant("app", select=True, update=_END),
                Grant("platform", select=True, insert=True, update=_END),
                Grant("worker", select=True, update=_END),
                Grant("definer", select=True),
                every_row=("platform", "worker"),
                policies=(Policy("definer", Predicate.SUPPORT_SESSION, "SELECT"),),
                history=True,
            )
        },
    )
