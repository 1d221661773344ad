"""HTTP of sign-in sessions."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.core import refresh_cookie
from app.core.access import signed_in
from app.core.process import CurrentProcess
from app.modules.sessions import ending, service
from app.modules.sessions.schemas import SessionRead
from shared_lib.errors import problems
from shared_lib.tenancy import UserTransaction
from shared_lib.web import Json, Listing, Page

router = APIRouter(tags=["sessions"])
_DROPPED = {"description": "Drops the cookie with the refresh token", "schema": {"type": "string"}}
_SIGNED_OUT: dict[str, Any] = {
    "dependencies": [signed_in()],
    "status_code": 204,
    "responses": {204: {"headers": {"Set-Cookie": _DROPPED}}},
}


@router.post("/logout", **_SIGNED_OUT)
async def logout(tx: UserTransaction, request: Request, process: CurrentProcess) -> Response:
    """Sign out: end the sign-in session of the access token that is sent.

    Its refresh tokens are dead at once, its access tokens here at once and in the core API
    within seconds. The cookie with the refresh token, if it is sent, is taken back.
    """
    await ending.sign_out(tx)
    return refresh_cookie.forget(process.settings, request)


@router.post("/logout/all", **_SIGNED_OUT)
async def logout_everywhere(
    tx: UserTransaction, request: Request, process: CurrentProcess
) -> Response:
    """Sign out everywhere: end every sign-in session of the caller, this one too."""
    await ending.sign_out_everywhere(tx)
    return refresh_cookie.forget(process.settings, request)


@router.get("/sessions", dependencies=[signed_in()], response_model=Listing[SessionRead])
async def list_sessions(tx: UserTransaction, process: CurrentProcess, page: Page) -> Response:
    """List where the caller is signed in, the newest sign-in first."""
    return Json(await service.list_sessions(tx, process.settings, page))


@router.delete(
    "/sessions/{session_id}",
    dependencies=[signed_in()],
    status_code=204,
    responses=problems(ending.SessionNotFound),
)
async def end_session(tx: UserTransaction, session_id: UUID) -> None:
    """End one of the caller's sign-in sessions, on whatever device it is."""
    await ending.end_own(tx, session_id)
