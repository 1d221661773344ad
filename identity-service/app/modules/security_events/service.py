"""The rules of security events: they stand if, and only if, the change that they tell of stands."""

from uuid import UUID

import asyncpg

from app.core.jobs import queue
from app.modules.security_events import repository
from app.modules.security_events.schemas import SecurityEvent
from shared_lib.audit import AuditEvent, event_values
from shared_lib.caller import Caller
from shared_lib.tenancy import ServiceTx

__all__ = ["SEND", "SecurityEvents", "forget", "get"]

SEND = "send_security_event"
"""The kind of the job that tells the core of one event."""


class SecurityEvents:
    """The service's `Runtime.events`: the core's audit trail is told of each, once it stands."""

    async def write(
        self, connection: asyncpg.Connection, event: AuditEvent, caller: Caller, tenant_id: UUID
    ) -> None:
        """Keep `event` until the core has it, as part of the transaction that is open."""
        values = event_values(event, caller, tenant_id)
        await repository.insert_event(connection, values)
        await queue.put(connection, SEND, tenant_id=tenant_id, event_id=str(values["id"]))


async def get(tx: ServiceTx, tenant_id: UUID, event_id: UUID) -> SecurityEvent | None:
    """An event that the core has not confirmed."""
    return await repository.get_event(tx, tenant_id, event_id)


async def forget(tx: ServiceTx, tenant_id: UUID, event_id: UUID) -> None:
    """The core has the event."""
    await repository.delete_event(tx, tenant_id, event_id)
