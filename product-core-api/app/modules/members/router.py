"""HTTP of members: the identity service's alone."""

from uuid import UUID

from fastapi import APIRouter, Depends

from app.modules.members import service
from app.modules.members.schemas import MemberReceive
from app.modules.organizations.service import OrganizationNotFound
from shared_lib.errors import problems
from shared_lib.tenancy import Access, Guard, Scope, ServiceTransaction

router = APIRouter(prefix="/internal/members", tags=["members"])


@router.put(
    "/{tenant_id}/{person_id}",
    dependencies=[Depends(Guard(Access(Scope.SERVICE)))],
    status_code=204,
    responses=problems(OrganizationNotFound),
)
async def receive_member(
    tx: ServiceTransaction, tenant_id: UUID, person_id: UUID, told: MemberReceive
) -> None:
    """Take note of a membership as it is now; an older version than the known one is ignored."""
    await service.receive_member(tx, tenant_id, person_id, told)
