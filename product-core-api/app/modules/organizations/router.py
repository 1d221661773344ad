"""HTTP of organizations: the caller's own under `/org`, all of them under `/admin/orgs`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from app.core.access import ANY_MODE, require_permission, require_platform_permission
from app.core.schemas import without_nul
from app.modules.organizations import service
from app.modules.organizations.schemas import (
    OrganizationReactivate,
    OrganizationRead,
    OrganizationSuspend,
    OrganizationUpdate,
)
from shared_lib.errors import problems
from shared_lib.tenancy import PlatformTransaction, TenantTransaction
from shared_lib.web import Json, Listing, Page

org_router = APIRouter(prefix="/org", tags=["org"])
admin_router = APIRouter(prefix="/admin/orgs", tags=["organizations"])
support_router = APIRouter(prefix="/support/orgs", tags=["organizations"])

Search = Annotated[
    str | None,
    Query(max_length=100, description="Part of a name or slug, in any case"),
    AfterValidator(without_nul),
]


_CHANGES = require_platform_permission("organizations", "write", tenant_parameter="tenant_id")


@org_router.get(
    "",
    dependencies=[require_permission("org", "read", modes=ANY_MODE)],
    response_model=OrganizationRead,
)
async def get_org(tx: TenantTransaction) -> Response:
    """Show the caller's organization."""
    return Json(await service.get_own_organization(tx))


@org_router.patch(
    "",
    dependencies=[require_permission("org", "write")],
    response_model=OrganizationRead,
)
async def update_org(tx: TenantTransaction, update: OrganizationUpdate) -> Response:
    """Change the profile of the caller's organization."""
    return Json(await service.update_own_organization(tx, update))


@admin_router.get(
    "",
    dependencies=[require_platform_permission("organizations", "read")],
    response_model=Listing[OrganizationRead],
)
async def list_organizations(
    tx: PlatformTransaction, page: Page, search: Search = None
) -> Response:
    """List all organizations, newest first."""
    return Json(await service.list_organizations(tx, page, search))


@admin_router.post(
    "/{tenant_id}/suspend",
    dependencies=[_CHANGES],
    response_model=OrganizationRead,
    responses=problems(service.OrganizationNotFound, service.OrganizationNotActive),
)
async def suspend_organization(
    tx: PlatformTransaction, tenant_id: UUID, suspend: OrganizationSuspend
) -> Response:
    """Block an organization's people from their very next request."""
    return Json(await service.suspend_organization(tx, tenant_id, suspend))


@admin_router.post(
    "/{tenant_id}/reactivate",
    dependencies=[_CHANGES],
    response_model=OrganizationRead,
    responses=problems(service.OrganizationNotFound, service.OrganizationNotSuspended),
)
async def reactivate_organization(
    tx: PlatformTransaction, tenant_id: UUID, _: OrganizationReactivate
) -> Response:
    """Lift a suspension."""
    return Json(await service.reactivate_organization(tx, tenant_id))


@support_router.get(
    "",
    dependencies=[require_platform_permission("organizations", "search")],
    response_model=Listing[OrganizationRead],
)
async def search_organizations(
    tx: PlatformTransaction, page: Page, search: Search = None
) -> Response:
    """Find the organization that needs help, by name or slug."""
    return Json(await service.list_organizations(tx, page, search))
