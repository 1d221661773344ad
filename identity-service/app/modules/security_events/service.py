"""The rules of security events: they stand if, and only if, the change that they tell of stands."""

from uuid import UUID

from app.core.jobs import queue
from app.modules.security_events import repository
from app.modules.security_events.schemas import SecurityEvent
from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, Tx

__all__ = ["SEND", "forget", "get", "record"]

SEND = "send_security_event"
"""The kind of the job that tells the core of one event."""


async def record(
    tx: Tx, event: AuditEvent, *, tenant_id: UUID = PLATFORM, person_id: UUID | None = None
) -> None:
    """Tell the core's audit trail of `event`, once `tx` has committed.

    `person_id` is who acts and whom it is about, where no token says so: a person whose password
    or link was right a moment ago.
    """
    caller, token = tx.caller, tx.caller.token
    told = SecurityEvent(
        tenant_id=tenant_id,
        id=uuid7(),
        occurred_at=utc_now(),
        actor_id=caller.actor_id or person_id,
        actor_role=token.role if token else None,
        subject_id=token.sub if token else person_id,
        action=event.action,
        resource=event.resource,
        resource_id=event.resource_id,
        outcome=event.outcome.value,
        code=event.code,
        reason=event.reason,
        client_ip=caller.client_ip,
        user_agent=caller.user_agent,
        request_id=str(caller.request_id),
        changes=dict(event.changes) if event.changes else None,
    )
    await repository.insert_event(tx, told)
    await queue.enqueue(tx, SEND, tenant_id=tenant_id, event_id=str(told.id))


async def get(tx: ServiceTx, tenant_id: UUID, event_id: UUID) -> SecurityEvent | None:
    """An event that the core has not confirmed."""
    return await repository.get_event(tx, tenant_id, event_id)


async def forget(tx: ServiceTx, tenant_id: UUID, event_id: UUID) -> None:
    """The core has the event."""
    await repository.delete_event(tx, tenant_id, event_id)
