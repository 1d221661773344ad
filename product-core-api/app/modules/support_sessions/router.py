"""HTTP of support sessions: the agent's side and the customer's."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.access import ANY_MODE, require_permission, require_platform_permission
from app.core.identity import (
    IdentityService,
    IdentityUnavailable,
    MemberNotFound,
    PresentedToken,
)
from app.modules.organizations.schemas import OrganizationRead
from app.modules.organizations.service import OrganizationNotFound
from app.modules.support_sessions import service
from app.modules.support_sessions.schemas import (
    Impersonate,
    Impersonation,
    SupportAccessUpdate,
    SupportSessionRead,
)
from shared_lib.errors import problems
from shared_lib.tenancy import (
    OwnPlatformTransactions,
    PlatformTransaction,
    TenantTransaction,
    idempotent,
)
from shared_lib.web import Json, Listing, Page

support_router = APIRouter(prefix="/support", tags=["support_sessions"])
org_router = APIRouter(prefix="/org", tags=["support_sessions"])


@support_router.post(
    "/impersonate/{id}",
    dependencies=[
        require_platform_permission(
            "support_sessions", "write", transactions="own", tenant_parameter="id"
        ),
        idempotent(keeps="session_id"),
    ],
    status_code=201,
    response_model=Impersonation,
    responses=problems(
        OrganizationNotFound,
        MemberNotFound,
        IdentityUnavailable,
        service.SupportAccessOff,
        service.SupportModeNotAllowed,
    ),
)
async def start_support_session(
    unit: OwnPlatformTransactions,
    identity: IdentityService,
    agent_token: PresentedToken,
    id: UUID,  # noqa: A002 - two operations of one path share the name of its parameter
    wish: Impersonate,
) -> Response:
    """Enter the organization `id`: returns a token that shows its data, read-only by default."""
    return Json(await service.impersonate(unit, identity, agent_token, id, wish), status_code=201)


@support_router.delete(
    "/impersonate/{id}",
    dependencies=[require_platform_permission("support_sessions", "write")],
    status_code=204,
    responses=problems(service.SupportSessionNotFound),
)
async def end_support_session(
    tx: PlatformTransaction,
    id: UUID,  # noqa: A002 - see start_support_session
) -> None:
    """End the support session `id`: one's own; a platform admin any."""
    await service.end_as_platform(tx, id)


@support_router.get(
    "/sessions",
    dependencies=[require_platform_permission("support_sessions", "read")],
    response_model=Listing[SupportSessionRead],
)
async def list_live_support_sessions(tx: PlatformTransaction, page: Page) -> Response:
    """List live support sessions: one's own; a platform admin sees all."""
    return Json(await service.list_live(tx, page))


@org_router.get(
    "/support-sessions",
    dependencies=[require_permission("support_sessions", "read", owner_modes=ANY_MODE)],
    response_model=Listing[SupportSessionRead],
)
async def list_support_sessions(tx: TenantTransaction, page: Page) -> Response:
    """List who of the platform's support is or was in the organization, and why."""
    return Json(await service.list_of_tenant(tx, page))


@org_router.delete(
    "/support-sessions/{session_id}",
    dependencies=[
        require_permission("support_sessions", "write", owner_modes=ANY_MODE, support=False)
    ],
    status_code=204,
    responses=problems(service.SupportSessionNotFound),
)
async def end_support_session_of_org(tx: TenantTransaction, session_id: UUID) -> None:
    """End a live support session in the organization, at once."""
    await service.end_as_tenant(tx, session_id)


@org_router.put(
    "/support-access",
    dependencies=[
        require_permission("support_access", "write", owner_modes=ANY_MODE, support=False)
    ],
    response_model=OrganizationRead,
)
async def update_support_access(tx: TenantTransaction, consent: SupportAccessUpdate) -> Response:
    """Set what support sessions the organization allows. Ends live ones that no longer are."""
    return Json(await service.update_support_access(tx, consent))
