"""The middleware that turns whatever is raised inside it into an answer."""

import asyncio
from http import HTTPStatus

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared_lib.errors import (
    InternalError,
    OutcomeUnknown,
    answer,
    error_response,
    hide_values,
    mark_oauth,
)

_POLICY_VIOLATION = 1008  # RFC 6455 7.4.1
_INTERNAL_ERROR = 1011
_log = structlog.get_logger(__name__)


class ErrorMiddleware:
    """Answers errors of the middleware and routes inside it; nothing but cancellation passes,
    which is answered first.

    What `shared_lib.errors.answer` does not know is a fault of ours: logged once with its
    traceback, answered with a 500 that says nothing but the request's id. It is not raised again,
    so the server has nothing to log a second time. Once an answer has begun it cannot be
    replaced: it stays unfinished, and the server then closes the connection.

    Requests to `oauth_paths` are answered as RFC 6749 5.2 wants it, whatever goes wrong and where.
    """

    def __init__(self, app: ASGIApp, oauth_paths: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.oauth_paths = oauth_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if scope["path"] in self.oauth_paths:
            mark_oauth(scope)
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The server stops and gives up what still runs; left to itself it answers 500.
            if not started:
                await _answer(OutcomeUnknown(), scope, receive, send, started=False)
            raise
        except Exception as error:  # noqa: BLE001  # this is the place for all of them
            await _answer(error, scope, receive, send, started=started)


async def _answer(
    error: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool
) -> None:
    response = None if started else answer(error, scope)
    if response is None:
        hide_values(error)
        _log.error("unhandled_error", exc_info=error)
        response = error_response(InternalError(), scope)
    if started:
        return
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    ours = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    await send({"type": "websocket.close", "code": _INTERNAL_ERROR if ours else _POLICY_VIOLATION})
