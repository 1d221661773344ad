"""HTTP of audit keys."""

import json
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from app.modules.audit_keys import service
from shared_lib.jwks import MEDIA_TYPE
from shared_lib.tenancy import Access, Guard, Scope

router = APIRouter(tags=["audit_keys"])

_HEADERS = {"Cache-Control": "public, max-age=300"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}, "description": "The key set"},
}


@router.get(
    "/.well-known/audit-keys.json",
    dependencies=[Depends(Guard(Access(Scope.PUBLIC, transactions="none")))],
    response_class=Response,
    responses=_RESPONSES,
)
async def get_audit_keys(request: Request) -> Response:
    """Show the public keys with which signed reports are verified, also offline."""
    document = service.published(request.app.state.settings)
    return Response(json.dumps(document), headers=_HEADERS, media_type=MEDIA_TYPE)
