"""HTTP of signing keys: the JSON Web Key Set (RFC 7517), and what an admin may do with them."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.core.access import platform, public
from app.core.process import CurrentProcess
from app.modules.keys import service
from app.modules.keys.schemas import KeyRevocationRead, KeyRevoke, SigningKeyRead
from shared_lib.errors import KeysUnavailable, problems
from shared_lib.jwks import MEDIA_TYPE
from shared_lib.tenancy import OwnPlatformTransactions
from shared_lib.web import Json, Listing

router = APIRouter(tags=["keys"])
admin_router = APIRouter(prefix="/admin/keys", tags=["keys"])

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
    return service.answer(process.keyring.published(), request.headers.getlist("if-none-match"))


@admin_router.get(
    "",
    dependencies=[platform("platform_admin", transactions="own")],
    response_model=Listing[SigningKeyRead],
)
async def list_signing_keys(process: CurrentProcess) -> Response:
    """List every signing key with its state, newest first; never a private part."""
    return Json(await service.list_keys(process))


@admin_router.post(
    "/{kid}/revoke",
    dependencies=[platform("platform_admin", transactions="own")],
    response_model=KeyRevocationRead,
    responses=problems(service.SigningKeyNotFound, KeysUnavailable),
)
async def revoke_signing_key(
    unit: OwnPlatformTransactions, process: CurrentProcess, kid: str, wish: KeyRevoke
) -> Response:
    """Revoke a signing key in an emergency: none of its tokens is accepted any longer.

    Whoever has one must refresh it. In place of the current key the next one signs at once, even
    if some verifiers do not know it yet: the answer says until when. Repeating it changes nothing.
    """
    return Json(await service.revoke_key(unit, process, kid, wish))
