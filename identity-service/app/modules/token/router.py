"""HTTP of the token endpoint (RFC 6749 section 3.2), of revocation and of introspection."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from app.core import refresh_cookie
from app.core.access import public
from app.core.forms import oauth_request
from app.core.passwords import SignInBusy
from app.core.process import CurrentProcess
from app.core.throttle import TooManyAttempts
from app.modules.token import service
from app.modules.token.schemas import (
    FORM_PARAMETERS,
    INTROSPECTION_PARAMETERS,
    REVOCATION_PARAMETERS,
    AccessTokenRead,
    IntrospectionRead,
    TokenRead,
)
from shared_lib.errors import (
    DatabaseUnavailable,
    KeysUnavailable,
    OAuthErrorRead,
    OutcomeUnknown,
    oauth_problems,
)
from shared_lib.tenancy import OwnTransactions
from shared_lib.web import Json

router = APIRouter(tags=["token"])
_TEXT = {"type": "string"}


def _form(
    parameters: Mapping[str, str], *required: str, only: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What OpenAPI says of a form; `only` has the one value that a parameter may have."""
    constants = {name: {"enum": [value]} for name, value in (only or {}).items()}
    schema = {
        "type": "object",
        "properties": {
            name: {**_TEXT, "description": description, **constants.get(name, {})}
            for name, description in parameters.items()
        },
        **({"required": list(required)} if required else {}),
    }
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuthErrorRead, "description": "A refusal (RFC 6749 section 5.2)"},
    401: {"model": OAuthErrorRead, "description": "Client authentication by Basic failed"},
    **oauth_problems(KeysUnavailable, DatabaseUnavailable, OutcomeUnknown),
}
_COOKIE = {"description": "The refresh token, where it was asked for so", "schema": _TEXT}
_TOKEN_ANSWERS = (
    {200: {"headers": {"Set-Cookie": _COOKIE}}}
    | _REFUSALS
    | oauth_problems(
        SignInBusy, TooManyAttempts, KeysUnavailable, DatabaseUnavailable, OutcomeUnknown
    )
)
_NEVER_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@router.post(
    "/token",
    dependencies=[public("own", oauth=True)],
    response_model=service.AnyToken,
    responses=_TOKEN_ANSWERS,
    openapi_extra=_form(FORM_PARAMETERS, only={"refresh": refresh_cookie.COOKIE}),
)
async def issue_token(request: Request, process: CurrentProcess, unit: OwnTransactions) -> Response:
    """Exchange a password, a refresh token, a client's secret or a support wish for a token.

    A form, `application/x-www-form-urlencoded`. Unknown parameters are ignored, parameters
    without a value count as omitted, repeated ones are refused.
    """
    form = await oauth_request(request)
    answer = await service.issue_token(process, unit, form)
    if not isinstance(answer, TokenRead) or not refresh_cookie.is_wished(form):
        return Json(answer, headers=_NEVER_STORED)
    alone = AccessTokenRead(answer.access_token, answer.expires_in)
    response = Json(alone, headers=_NEVER_STORED)
    refresh_cookie.keep(process.settings, response, answer.refresh_token)
    return response


@router.post(
    "/revoke",
    dependencies=[public("own", oauth=True)],
    response_class=Response,
    responses=_REFUSALS,
    openapi_extra=_form(REVOCATION_PARAMETERS, "token"),
)
async def revoke_token(
    request: Request, process: CurrentProcess, unit: OwnTransactions
) -> Response:
    """Give a token back (RFC 7009).

    A refresh token, or a person's access token, ends its sign-in session as signing out does; a
    service account's access token ends alone. Here at once, in the core API within seconds. A
    token that is none is no error. Of a support session, end the session itself.
    """
    await service.revoke(process, unit, await oauth_request(request))
    return Response(headers=_NEVER_STORED)


@router.post(
    "/introspect",
    dependencies=[public("own", oauth=True)],
    response_model=IntrospectionRead,
    responses=_REFUSALS,
    openapi_extra=_form(INTROSPECTION_PARAMETERS, "token"),
)
async def introspect_token(
    request: Request, process: CurrentProcess, unit: OwnTransactions
) -> Response:
    """Ask whether a token is alive, and whose it is (RFC 7662); clients with a secret only.

    A service account is told about access tokens of its own organization. Everything else is
    `{"active": false}`, and so is a support session's token, whose end only the core API knows.
    """
    return Json(
        await service.introspect(process, unit, await oauth_request(request)),
        headers=_NEVER_STORED,
    )
