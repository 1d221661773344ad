"""HTTP of sign-in sessions."""

from fastapi import APIRouter

from app.core.access import signed_in
from app.modules.sessions import service
from shared_lib.tenancy import UserTransaction

router = APIRouter(tags=["sessions"])


@router.post("/logout", dependencies=[signed_in()], status_code=204)
async def logout(tx: UserTransaction) -> None:
    """Sign out: end the sign-in session of the access token that is sent.

    Its refresh tokens are dead at once, its access tokens here at once and in the core API
    within seconds.
    """
    await service.sign_out(tx)
