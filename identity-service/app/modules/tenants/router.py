"""HTTP of organizations: the core's alone."""

from uuid import UUID

from fastapi import APIRouter

from app.core.access import internal
from app.modules.tenants import service
from app.modules.tenants.schemas import TenantReceive
from shared_lib.errors import problems
from shared_lib.tenancy import ServiceTransaction

router = APIRouter(prefix="/internal/tenants", tags=["tenants"])


@router.put(
    "/{tenant_id}",
    dependencies=[internal()],
    status_code=204,
    responses=problems(service.FounderNotFound),
)
async def receive_tenant(tx: ServiceTransaction, tenant_id: UUID, received: TenantReceive) -> None:
    """Take note of an organization as the core has it; what is older than that changes nothing."""
    await service.receive_tenant(tx, tenant_id, received)
