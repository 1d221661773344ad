"""HTTP of the token endpoint (RFC 6749 section 3.2)."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.core.access import public
from app.core.forms import oauth_request
from app.core.passwords import SignInBusy
from app.core.process import CurrentProcess
from app.core.throttle import TooManyAttempts
from app.modules.token import service
from app.modules.token.schemas import FORM_PARAMETERS
from shared_lib.errors import (
    DatabaseUnavailable,
    KeysUnavailable,
    OAuthErrorRead,
    oauth_problems,
)
from shared_lib.tenancy import OwnTransactions
from shared_lib.web import Json

router = APIRouter(tags=["token"])

_SCHEMA = {
    "type": "object",
    "properties": {
        name: {"type": "string", "description": description}
        for name, description in FORM_PARAMETERS.items()
    },
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": _SCHEMA}},
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuthErrorRead, "description": "A refusal (RFC 6749 section 5.2)"},
    401: {"model": OAuthErrorRead, "description": "Client authentication by Basic failed"},
    **oauth_problems(SignInBusy, TooManyAttempts, KeysUnavailable, DatabaseUnavailable),
}
_NEVER_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@router.post(
    "/token",
    dependencies=[public("own", oauth=True)],
    response_model=service.AnyToken,
    responses=_REFUSALS,
    openapi_extra=_FORM,
)
async def issue_token(request: Request, process: CurrentProcess, unit: OwnTransactions) -> Response:
    """Exchange a password, a refresh token or, for the core, a support wish for a token.

    A form, `application/x-www-form-urlencoded`. Unknown parameters are ignored, parameters
    without a value count as omitted, repeated ones are refused.
    """
    return Json(
        await service.issue_token(process, unit, await oauth_request(request)),
        headers=_NEVER_STORED,
    )
