"""All SQL about security events."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Uuid, bindparam, delete, insert, select

from app.modules.security_events.models import security_events
from app.modules.security_events.schemas import SecurityEvent
from shared_lib.tables import Statement
from shared_lib.tenancy import ServiceTx

_THIS = (
    security_events.c.tenant_id == bindparam("tenant", type_=Uuid),
    security_events.c.id == bindparam("id", type_=Uuid),
)
_VALUES = {column.name: bindparam(column.name, type_=column.type) for column in security_events.c}
_INSERT: Statement[Any] = Statement(insert(security_events).values(_VALUES))
_GET = Statement(select(*security_events.c).where(*_THIS), SecurityEvent)
_DELETE: Statement[Any] = Statement(delete(security_events).where(*_THIS))


async def insert_event(connection: asyncpg.Connection, values: Mapping[str, Any]) -> None:
    """Keep an event until the core has it."""
    await connection.execute(_INSERT.sql, *_INSERT.arguments(values))


async def get_event(tx: ServiceTx, tenant_id: UUID, event_id: UUID) -> SecurityEvent | None:
    """An event that the core has not confirmed."""
    return await tx.one(_GET, tenant=tenant_id, id=event_id)


async def delete_event(tx: ServiceTx, tenant_id: UUID, event_id: UUID) -> None:
    """The core has it: it leaves identity."""
    await tx.execute(_DELETE, tenant=tenant_id, id=event_id)
