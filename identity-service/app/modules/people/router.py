"""HTTP of people."""

from fastapi import APIRouter, Response

from app.core.access import signed_in
from app.modules.people import service
from app.modules.people.schemas import MeRead
from shared_lib.tenancy import UserTransaction
from shared_lib.web import Json

router = APIRouter(tags=["people"])


@router.get("/me", dependencies=[signed_in()], response_model=MeRead)
async def get_me(tx: UserTransaction) -> Response:
    """Show who calls, and the organizations that he belongs to."""
    return Json(await service.get_me(tx))
