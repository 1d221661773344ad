"""Who sees which audit events, and which come from elsewhere."""

from uuid import UUID

from app.modules.audit_events import repository
from app.modules.audit_events.schemas import AuditEventRead, AuditEventsReceive
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx
from shared_lib.web import Listing, PageRequest


async def list_of_tenant(tx: TenantTx, page: PageRequest) -> Listing[AuditEventRead]:
    """The organization's own events."""
    return await repository.list_of_tenant(tx, page)


async def list_on_platform(
    tx: PlatformTx, page: PageRequest, tenant_id: UUID | None
) -> Listing[AuditEventRead]:
    """An agent's own doings; a platform admin sees everybody's."""
    token = tx.caller.token
    everybody = token is not None and token.role == "platform_admin"
    actor_id = None if everybody else tx.caller.actor_id
    return await repository.list_on_platform(tx, page, tenant_id=tenant_id, actor_id=actor_id)


async def receive_events(tx: ServiceTx, received: AuditEventsReceive) -> None:
    """Keep what happened in the identity service, each event once, however often it is told."""
    for event in received.events:
        await repository.keep(tx, event.model_dump())
