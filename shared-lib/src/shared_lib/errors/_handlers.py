"""From exception to answer, once for the app's handlers and for the middleware around it."""

import re
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError, StatementError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared_lib.errors._allow import allowed_methods
from shared_lib.errors._api_error import CODE, ApiError, with_headers_of
from shared_lib.errors._database import api_error_from_database, sqlstate_of
from shared_lib.errors._oauth import OAuthError, is_oauth, oauth_error, oauth_response
from shared_lib.errors._openapi import add_problem_schema
from shared_lib.errors._problem import (
    PROBLEM_JSON,
    problem_body,
    problem_response,
    request_id_of,
)
from shared_lib.errors._standard import (
    BadRequest,
    BodyTooLarge,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ValidationFailed,
)
from shared_lib.errors._validation import validation_failed

_BY_STATUS: dict[int, type[ApiError]] = {
    error.status: error
    for error in (BadRequest, NotFound, MethodNotAllowed, BodyTooLarge, ValidationFailed)
}
_HANDLED = (
    ApiError,
    OAuthError,
    HTTPException,
    RequestValidationError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    SQLAlchemyError,
)
_NO_LETTERS = re.compile("[^a-z0-9]+")
_log = structlog.get_logger(__name__)


def answer(exc: Exception, scope: MutableMapping[str, Any]) -> Response | None:
    """The answer to an error that means something to the caller; None for a fault of ours, which
    the caller of this function logs and answers with InternalError.
    """
    if isinstance(exc, OAuthError):
        return oauth_response(exc)
    if isinstance(exc, HTTPException):
        return _http_exception_response(exc, scope)
    error = _api_error(exc)
    if error is None:
        return None
    if error is not exc and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("database_failed", sqlstate=sqlstate_of(exc), error=type(exc).__name__)
    return error_response(error, scope)


def error_response(error: ApiError, scope: MutableMapping[str, Any]) -> Response:
    """The answer to a coded error: a problem document, or at OAuth endpoints that of RFC 6749."""
    if is_oauth(scope):
        return oauth_response(
            oauth_error(
                code=error.code, status=error.status, text=error.message, headers=error.headers
            )
        )
    return problem_response(error, request_id_of(scope))


def _api_error(exc: Exception) -> ApiError | None:
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, RequestValidationError):
        return validation_failed(exc.errors())
    # An OSError that arrives here may come from anywhere: whoever connects maps it there.
    return None if isinstance(exc, OSError) else api_error_from_database(exc)


def _http_exception_response(exc: HTTPException, scope: MutableMapping[str, Any]) -> Response:
    status = exc.status_code
    headers = with_headers_of(status, exc.headers)
    if status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := allowed_methods(scope)):
        headers["allow"] = allowed
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status_code=status, headers=headers)
    detail: object = exc.detail  # FastAPI takes more than Starlette's str
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("http_exception_500", text=detail)
        return error_response(InternalError(headers=headers), scope)
    phrase = _phrase(status)
    text = detail if isinstance(detail, str) and detail != phrase else None
    code = text if text and CODE.fullmatch(text) else None
    known = _BY_STATUS.get(status)
    if known is not None and code is None:
        return error_response(known(text, headers=headers), scope)
    code = code or _NO_LETTERS.sub("_", phrase.lower().replace("'", ""))
    title = phrase if code == text or not text else text
    if is_oauth(scope):
        return oauth_response(oauth_error(code=code, status=status, text=title, headers=headers))
    body = problem_body(code=code, status=status, title=title, request_id=request_id_of(scope))
    return Response(body, status, headers=headers, media_type=PROBLEM_JSON)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def hide_values(exc: BaseException) -> None:
    """Take the values of rows and parameters out of an error's text, and out of those that it was
    raised from, so that its traceback can be logged.
    """
    link: BaseException | None = exc
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, StatementError):
            link.hide_parameters = True
        if isinstance(link, asyncpg.PostgresError):
            link.detail = None  # "Key (email)=(...) already exists."
        link = link.__cause__ or link.__context__


async def _handle(request: Request, exc: Exception) -> Response:
    response = answer(exc, request.scope)
    if response is None:
        raise exc
    return response


async def _handle_last(request: Request, exc: Exception) -> Response:
    """For what escapes even our middleware. Starlette raises it again and the server logs it, in
    the same context: so the id goes there and no second line is written.
    """
    hide_values(exc)
    request_id = request_id_of(request.scope)
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return answer(exc, request.scope) or error_response(InternalError(), request.scope)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of `app` an answer of ours, in its OpenAPI document too.

    Besides our own errors: FastAPI's validation errors become 422 `validation_failed`. Of an
    HTTPException, `detail` stays the code when it is snake_case; any other text becomes the title
    and the code follows from the status (404 `not_found`, 409 `conflict`); a 500 says nothing.
    Errors of asyncpg and SQLAlchemy are mapped by SQLSTATE. Everything else is raised on to the
    error middleware of `shared_lib.web`.
    """
    for handled in _HANDLED:
        app.add_exception_handler(handled, _handle)
    app.add_exception_handler(Exception, _handle_last)
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        document = make_document()
        add_problem_schema(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
