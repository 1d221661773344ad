"""HTTP of the caller."""

from fastapi import APIRouter, Depends, Response

from app.core.middleware import get_current_user
from app.modules.me import service
from app.modules.me.schemas import MeRead
from shared_lib.tenancy import UserTransaction
from shared_lib.web import Json

router = APIRouter(prefix="/me", tags=["me"])


@router.get("", dependencies=[Depends(get_current_user)], response_model=MeRead)
async def get_me(tx: UserTransaction) -> Response:
    """Show who the caller is, and what the role may do."""
    return Json(service.get_me(tx))
