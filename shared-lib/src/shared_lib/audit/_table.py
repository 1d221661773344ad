"""The table of events, inserted once and never updated, and the statement that inserts."""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import FromClause

from shared_lib.audit._events import AuditEvent, event_values
from shared_lib.caller import Caller
from shared_lib.tables import Grant, Policy, Predicate, Statement, tenant_table


def audit_events_table(metadata: MetaData) -> Table:
    """Declare `audit_events`.

    No foreign key to organizations: the trail outlives them. Events are read by the organization
    (`app`) and by the platform, whose own carry the tenant id `PLATFORM`.
    """
    return Table(
        "audit_events",
        metadata,
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("actor_id", Uuid),
        Column("actor_role", Text),
        Column("subject_id", Uuid),
        Column("support_session_id", Uuid),
        Column("action", Text, nullable=False),
        Column("resource", Text, nullable=False),
        Column("resource_id", Text),
        Column("outcome", Text, nullable=False),
        Column("code", Text),
        Column("reason", Text),
        Column("client_ip", Text, nullable=False),
        Column("user_agent", Text, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("changes", JSONB),
        CheckConstraint("outcome IN ('succeeded', 'refused', 'failed')", name="outcome"),
        Index("ix_audit_events_newest", "tenant_id", "occurred_at", "id"),
        # Staff read across organizations.
        Index("ix_audit_events_of_all", "occurred_at", "id"),
        Index("ix_audit_events_of_actor", "actor_id", "occurred_at", "id"),
        info=tenant_table(
            Grant("app", select=True, insert=True),
            Grant("platform", select=True, insert=True),
            Grant("worker", select=True, insert=True),
            Grant("definer", insert=True),
            every_row=("platform", "worker"),
            policies=(Policy("definer", Predicate.EVERY_ROW, "INSERT"),),
        ),
    )


class EventInsert:
    """Inserts events. `support_sessions` is where the reason of a session stands."""

    def __init__(self, events: Table, support_sessions: FromClause) -> None:
        reason = (
            select(support_sessions.c.reason)
            .where(support_sessions.c.tenant_id == bindparam("tenant_id", type_=Uuid))
            .where(support_sessions.c.id == bindparam("support_session_id", type_=Uuid))
            .scalar_subquery()
        )
        values: dict[str, Any] = {
            column.name: bindparam(column.name, type_=column.type) for column in events.c
        }
        values["reason"] = func.coalesce(values["reason"], reason)
        self._statement: Statement[Any] = Statement(events.insert().values(values))

    async def write(
        self, connection: asyncpg.Connection, event: AuditEvent, caller: Caller, tenant_id: UUID
    ) -> None:
        """Insert `event`, done by `caller` in `tenant_id`, in the transaction that is open."""
        arguments = self._statement.arguments(event_values(event, caller, tenant_id))
        await connection.execute(self._statement.sql, *arguments)
