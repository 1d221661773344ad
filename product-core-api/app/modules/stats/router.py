"""HTTP of stats."""

from fastapi import APIRouter, Response

from app.core.access import require_platform_permission
from app.modules.stats import service
from app.modules.stats.schemas import StatsRead
from shared_lib.tenancy import PlatformTransaction
from shared_lib.web import Json

router = APIRouter(prefix="/admin/stats", tags=["stats"])


@router.get(
    "", dependencies=[require_platform_permission("stats", "read")], response_model=StatsRead
)
async def get_stats(tx: PlatformTransaction) -> Response:
    """Count organizations, their members and live support sessions."""
    return Json(await service.get_stats(tx))
