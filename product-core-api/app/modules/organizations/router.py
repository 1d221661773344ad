"""HTTP of organizations: one's own at `/org`, new ones at `/orgs`, all at `/admin/orgs`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator

from app.core.access import ANY_MODE, require_permission, require_platform_permission
from app.core.schemas import Instant, QueryFlag, without_nul
from app.modules.organizations import service
from app.modules.organizations.schemas import (
    OrganizationCreate,
    OrganizationDetails,
    OrganizationFound,
    OrganizationFounded,
    OrganizationMarkPaid,
    OrganizationMarkUnpaid,
    OrganizationReactivate,
    OrganizationRead,
    OrganizationRename,
    OrganizationStatus,
    OrganizationSuspend,
    OrganizationUpdate,
    TrialExtend,
)
from shared_lib.errors import problems
from shared_lib.tenancy import (
    Access,
    AccessMode,
    Guard,
    PlatformTransaction,
    Scope,
    TenantTransaction,
    UserTransaction,
    idempotent,
)
from shared_lib.web import Json, Listing, Page

org_router = APIRouter(prefix="/org", tags=["org"])
orgs_router = APIRouter(prefix="/orgs", tags=["organizations"])
admin_router = APIRouter(prefix="/admin/orgs", tags=["organizations"])
support_router = APIRouter(prefix="/support/orgs", tags=["organizations"])

Search = Annotated[
    str | None,
    Query(max_length=100, description="Part of a name or slug, in any case"),
    AfterValidator(without_nul),
]
_ONE = "tenant_id"
_READS = require_platform_permission("organizations", "read", tenant_parameter=_ONE)
_CHANGES = require_platform_permission("organizations", "write", tenant_parameter=_ONE)
_GONE = (service.OrganizationNotFound, service.OrganizationEnding)


async def _filters(
    *,
    search: Search = None,
    status: OrganizationStatus | None = None,
    access_mode: Annotated[AccessMode | None, Query(description="Of its staff, now")] = None,
    paid: QueryFlag | None = None,
    created_from: Annotated[Instant | None, Query(description="This instant or later")] = None,
    created_before: Annotated[Instant | None, Query(description="Before this instant")] = None,
) -> dict[str, Any]:
    """The filters that were given."""
    given = {
        "search": search or None,
        "status": status,
        "access_mode": access_mode,
        "paid": paid,
        "created_from": created_from,
        "created_before": created_before,
    }
    return {name: value for name, value in given.items() if value is not None}


async def _unpaid_allowed(request: Request) -> int:
    allowed: int = request.app.state.settings.unpaid_organizations_per_founder
    return allowed


Filters = Annotated[dict[str, Any], Depends(_filters)]
UnpaidAllowed = Annotated[int, Depends(_unpaid_allowed)]


@org_router.get(
    "",
    dependencies=[require_permission("org", "read", owner_modes=ANY_MODE)],
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


@orgs_router.post(
    "",
    dependencies=[Depends(Guard(Access(Scope.USER, people=True))), idempotent()],
    status_code=201,
    response_model=OrganizationFounded,
    responses=problems(service.SlugTaken, service.TooManyTrials),
)
async def found_organization(
    tx: UserTransaction, new: OrganizationFound, allowed: UnpaidAllowed
) -> Response:
    """Found an organization of one's own; its trial begins."""
    return Json(await service.found_organization(tx, new, allowed), status_code=201)


@admin_router.post(
    "",
    dependencies=[require_platform_permission("organizations", "write"), idempotent()],
    status_code=201,
    response_model=OrganizationRead,
    responses=problems(service.SlugTaken),
)
async def create_organization(tx: PlatformTransaction, new: OrganizationCreate) -> Response:
    """Create an organization and invite its first owner."""
    return Json(await service.create_organization(tx, new), status_code=201)


@admin_router.get(
    "",
    dependencies=[require_platform_permission("organizations", "read")],
    response_model=Listing[OrganizationRead],
)
async def list_organizations(tx: PlatformTransaction, page: Page, filters: Filters) -> Response:
    """List organizations, newest first. Purged ones are listed by `status=purged` only."""
    return Json(await service.list_organizations(tx, page, filters))


@admin_router.get(
    "/{tenant_id}",
    dependencies=[_READS],
    response_model=OrganizationDetails,
    responses=problems(service.OrganizationNotFound),
)
async def get_organization(tx: PlatformTransaction, tenant_id: UUID) -> Response:
    """Show one organization."""
    return Json(await service.get_organization(tx, tenant_id))


@admin_router.patch(
    "/{tenant_id}",
    dependencies=[_CHANGES],
    response_model=OrganizationRead,
    responses=problems(*_GONE, service.SlugTaken),
)
async def update_organization(
    tx: PlatformTransaction, tenant_id: UUID, rename: OrganizationRename
) -> Response:
    """Change the name or the slug; what is not sent stays as it is."""
    return Json(await service.rename_organization(tx, tenant_id, rename))


@admin_router.post(
    "/{tenant_id}/extend-trial",
    dependencies=[_CHANGES, idempotent()],
    response_model=OrganizationRead,
    responses=problems(*_GONE),
)
async def extend_trial(tx: PlatformTransaction, tenant_id: UUID, extend: TrialExtend) -> Response:
    """Let the trial end later, by days or at an instant."""
    return Json(await service.extend_trial(tx, tenant_id, extend))


@admin_router.post(
    "/{tenant_id}/mark-paid",
    dependencies=[_CHANGES],
    response_model=OrganizationRead,
    responses=problems(*_GONE),
)
async def mark_paid(tx: PlatformTransaction, tenant_id: UUID, _: OrganizationMarkPaid) -> Response:
    """Note that the organization pays: it works without a trial. May be repeated."""
    return Json(await service.mark_paid(tx, tenant_id))


@admin_router.post(
    "/{tenant_id}/mark-unpaid",
    dependencies=[_CHANGES],
    response_model=OrganizationRead,
    responses=problems(*_GONE),
)
async def mark_unpaid(
    tx: PlatformTransaction, tenant_id: UUID, unpaid: OrganizationMarkUnpaid
) -> Response:
    """Note that it does not pay: it has what is left of its trial. May be repeated."""
    return Json(await service.mark_unpaid(tx, tenant_id, unpaid))


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
    return Json(await service.list_organizations(tx, page, {"search": search} if search else {}))
