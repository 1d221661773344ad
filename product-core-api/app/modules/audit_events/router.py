"""HTTP of audit events: the platform's view, the customer's, and what identity tells."""

from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.access import ANY_MODE, require_permission, require_platform_permission
from app.modules.audit_events import service
from app.modules.audit_events.schemas import AuditEventRead, AuditEventsReceive
from shared_lib.tenancy import (
    Access,
    Guard,
    PlatformTransaction,
    Scope,
    ServiceTransaction,
    TenantTransaction,
)
from shared_lib.web import Json, Listing, Page

support_router = APIRouter(prefix="/support/audit-log", tags=["audit_events"])
org_router = APIRouter(prefix="/org/audit-log", tags=["audit_events"])
internal_router = APIRouter(prefix="/internal/audit-events", tags=["audit_events"])


@support_router.get(
    "",
    dependencies=[
        require_platform_permission("audit_events", "read", tenant_parameter="tenant_id")
    ],
    response_model=Listing[AuditEventRead],
)
async def list_support_audit_events(
    tx: PlatformTransaction, page: Page, tenant_id: UUID | None = None
) -> Response:
    """List audit events, newest first: an agent's own doings; a platform admin sees all."""
    return Json(await service.list_on_platform(tx, page, tenant_id))


@org_router.get(
    "",
    dependencies=[require_permission("audit_events", "read", owner_modes=ANY_MODE)],
    response_model=Listing[AuditEventRead],
)
async def list_audit_events(tx: TenantTransaction, page: Page) -> Response:
    """List what happened in the organization, newest first, support included."""
    return Json(await service.list_of_tenant(tx, page))


@internal_router.post("", dependencies=[Depends(Guard(Access(Scope.SERVICE)))], status_code=204)
async def receive_audit_events(tx: ServiceTransaction, received: AuditEventsReceive) -> None:
    """Take note of what happened in the identity service."""
    await service.receive_events(tx, received)
