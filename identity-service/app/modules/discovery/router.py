"""HTTP of discovery."""

from fastapi import APIRouter, Response

from app.core.access import public
from app.core.process import CurrentProcess, Process
from app.modules.discovery.schemas import AuthorizationServerMetadata
from app.modules.discovery.service import metadata_below, metadata_of
from shared_lib.errors import NotFound, problems
from shared_lib.web import Json

router = APIRouter(tags=["discovery"])


_PATH = "/.well-known/oauth-authorization-server"


@router.get(_PATH, dependencies=[public("none")], response_model=AuthorizationServerMetadata)
async def get_authorization_server_metadata(process: CurrentProcess) -> Response:
    """Describe this authorization server (RFC 8414)."""
    return _answer(process, metadata_of(process.settings))


@router.get(
    _PATH + "/{issuer_path:path}",
    dependencies=[public("none")],
    response_model=AuthorizationServerMetadata,
    responses=problems(NotFound),
)
async def get_authorization_server_metadata_of_path(
    process: CurrentProcess, issuer_path: str
) -> Response:
    """Describe this authorization server, where its issuer has a path (RFC 8414 section 3.1)."""
    return _answer(process, metadata_below(process.settings, issuer_path))


def _answer(process: Process, metadata: AuthorizationServerMetadata) -> Response:
    headers = {"Cache-Control": f"public, max-age={process.settings.jwks_max_age}"}
    return Json(metadata, headers=headers)
