"""HTTP of the members of the caller's organization."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.access import organization
from app.modules.memberships import administration, service
from app.modules.memberships.domain import EVERYBODY, MANAGERS, WORKERS
from app.modules.memberships.schemas import MemberRead, MemberUpdate
from shared_lib.errors import problems
from shared_lib.tenancy import TenantTransaction
from shared_lib.web import Json, Listing, Page

router = APIRouter(prefix="/members", tags=["members"])


@router.get("", dependencies=[organization(*WORKERS)], response_model=Listing[MemberRead])
async def list_members(tx: TenantTransaction, page: Page) -> Response:
    """List the members of the caller's organization, newest first.

    Addresses are shown to owners and admins.
    """
    return Json(await service.list_members(tx, page))


# Before the routes with an id: `me` is none.
@router.delete(
    "/me",
    dependencies=[organization(*EVERYBODY)],
    status_code=204,
    responses=problems(service.LastOwner),
)
async def leave_organization(tx: TenantTransaction) -> None:
    """Leave the organization of the token that is sent."""
    await administration.leave(tx)


@router.patch(
    "/{person_id}",
    dependencies=[organization(*MANAGERS)],
    response_model=MemberRead,
    responses=problems(
        service.MemberNotFound,
        service.RoleNotAllowed,
        service.MemberNotActive,
        service.LastOwner,
    ),
)
async def update_member(tx: TenantTransaction, person_id: UUID, update: MemberUpdate) -> Response:
    """Give a member another role. His access tokens are dead within seconds; refreshing brings
    the new role. Open invitations that he could not make any more are withdrawn.
    """
    return Json(await administration.change_role(tx, person_id, update))


@router.delete(
    "/{person_id}",
    dependencies=[organization(*MANAGERS)],
    status_code=204,
    responses=problems(service.MemberNotFound, service.RoleNotAllowed, service.LastOwner),
)
async def remove_member(tx: TenantTransaction, person_id: UUID) -> None:
    """End somebody's membership; his access tokens for the organization are dead within seconds.

    His open invitations are withdrawn.
    """
    await administration.remove_member(tx, person_id)
