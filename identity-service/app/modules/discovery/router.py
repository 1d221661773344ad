"""HTTP of discovery."""

from fastapi import APIRouter, Response

from app.core.access import public
from app.core.process import CurrentProcess
from app.modules.discovery.schemas import AuthorizationServerMetadata
from app.modules.discovery.service import metadata_of
from shared_lib.web import Json

router = APIRouter(tags=["discovery"])


@router.get(
    "/.well-known/oauth-authorization-server",
    dependencies=[public("none")],
    response_model=AuthorizationServerMetadata,
)
async def get_authorization_server_metadata(process: CurrentProcess) -> Response:
    """Describe this authorization server (RFC 8414)."""
    headers = {"Cache-Control": f"public, max-age={process.settings.jwks_max_age}"}
    return Json(metadata_of(process.settings), headers=headers)
