"""Tells the core of security events; it keeps each once, however often it is told."""

from uuid import UUID

from app.core.jobs import IdentityWork
from app.modules.security_events import service

_PATH = "/internal/audit-events"


async def send_security_event(work: IdentityWork) -> None:
    """Send one event, and forget it when the core has confirmed it. Raises NotDelivered."""
    tenant_id, event_id = work.job.tenant_id, UUID(work.job.arguments["event_id"])
    async with work.service() as tx:
        event = await service.get(tx, tenant_id, event_id)
    if event is None:
        return
    await work.context.internal.post(_PATH, {"events": [event]})
    async with work.service() as tx:
        await service.forget(tx, tenant_id, event_id)
