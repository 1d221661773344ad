"""HTTP of popups."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.access import require_permission
from app.modules.popups import service
from app.modules.popups.schemas import PopupCreate, PopupRead, PopupUpdate
from shared_lib.errors import problems
from shared_lib.tenancy import TenantTransaction, idempotent
from shared_lib.web import Json, Listing, Page

router = APIRouter(prefix="/popups", tags=["popups"])


@router.get(
    "",
    dependencies=[require_permission("popups", "read")],
    response_model=Listing[PopupRead],
)
async def list_popups(tx: TenantTransaction, page: Page) -> Response:
    """List the organization's popups, newest first."""
    return Json(await service.list_popups(tx, page))


@router.get(
    "/{popup_id}",
    dependencies=[require_permission("popups", "read")],
    response_model=PopupRead,
    responses=problems(service.PopupNotFound),
)
async def get_popup(tx: TenantTransaction, popup_id: UUID) -> Response:
    """Show one popup."""
    return Json(await service.get_popup(tx, popup_id))


@router.post(
    "",
    dependencies=[require_permission("popups", "write"), idempotent()],
    status_code=201,
    response_model=PopupRead,
    responses=problems(service.PopupSlugTaken),
)
async def create_popup(tx: TenantTransaction, new: PopupCreate) -> Response:
    """Create a popup. Without a slug, one is made from the name."""
    return Json(await service.create_popup(tx, new), status_code=201)


@router.patch(
    "/{popup_id}",
    dependencies=[require_permission("popups", "write")],
    response_model=PopupRead,
    responses=problems(service.PopupNotFound, service.PopupSlugTaken),
)
async def update_popup(tx: TenantTransaction, popup_id: UUID, update: PopupUpdate) -> Response:
    """Change the fields that are sent."""
    return Json(await service.update_popup(tx, popup_id, update))


@router.delete(
    "/{popup_id}",
    dependencies=[require_permission("popups", "write")],
    status_code=204,
    responses=problems(service.PopupNotFound),
)
async def delete_popup(tx: TenantTransaction, popup_id: UUID) -> None:
    """Delete a popup."""
    await service.delete_popup(tx, popup_id)
