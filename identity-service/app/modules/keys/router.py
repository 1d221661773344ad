"""HTTP of signing keys: the JSON Web Key Set (RFC 7517)."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.core.access import public
from app.core.process import CurrentProcess
from app.modules.keys.service import answer
from shared_lib.errors import KeysUnavailable, problems
from shared_lib.jwks import MEDIA_TYPE

router = APIRouter(tags=["keys"])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}, "description": "The key set"},
    304: {"description": "The key set that the client has is still the current one"},
    **problems(KeysUnavailable),
}


@router.get(
    "/.well-known/jwks.json",
    dependencies=[public("none")],
    response_class=Response,
    responses=_RESPONSES,
)
async def get_jwks(request: Request, process: CurrentProcess) -> Response:
    """Show the public keys that access tokens are verified with."""
    return answer(process.keyring.published(), request.headers.getlist("if-none-match"))
