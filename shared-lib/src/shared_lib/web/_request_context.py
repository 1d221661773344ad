"""The outermost middleware: who asks (id, address), what the logs say of it, how long it took."""

import re
import time
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared_lib.errors import request_id_of
from shared_lib.settings import Network
from shared_lib.web._client_address import client_address

_UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PLAIN = re.compile("[A-Za-z0-9_-]{1,64}")
_LOG_CONTEXT = ("request_id", "client_request_id", "tenant_id", "person", "client")


class RequestContextMiddleware:
    """Gives each request its id and the address it came from, and logs one line about it.

    Puts `request_id` and `client_ip` into `scope["state"]`, answers with `X-Request-ID`, binds the
    id to the log context, and empties that when the request is over. A client's `X-Request-ID`
    becomes the id when it is a UUID; one of at most 64 letters, digits, `_` and `-` is only
    logged, as `client_request_id`; anything else is ignored.

    The line says method, template of the route, status, milliseconds and caller; never the path
    or query string as sent, which may contain secrets.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: Sequence[Network] = ()) -> None:
        self.app = app
        self.trusted_proxies = tuple(trusted_proxies)
        # Once, and not at each line.
        self.log: Any = structlog.get_logger(__name__).bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None
        state: dict[str, Any] = scope.setdefault("state", {})
        request_id = _take_request_id(scope, state)
        header = (b"x-request-id", request_id.encode())
        state["client_ip"] = client_address(scope, self.trusted_proxies)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _log_request(self.log, scope, status, time.perf_counter() - started)
            structlog.contextvars.unbind_contextvars(*_LOG_CONTEXT)


def _take_request_id(scope: Scope, state: dict[str, Any]) -> str:
    sent = [value for name, value in scope["headers"] if name == b"x-request-id"]
    text = sent[0].decode("latin-1") if len(sent) == 1 else ""
    if _UUID.fullmatch(text):
        state["request_id"] = text.lower()
    request_id = request_id_of(scope)
    structlog.contextvars.bind_contextvars(request_id=request_id)
    if text.lower() != request_id and _PLAIN.fullmatch(text):
        structlog.contextvars.bind_contextvars(client_request_id=text)
    return request_id


def _log_request(log: Any, scope: Scope, status: int | None, seconds: float) -> None:
    log.info(
        "request",
        method=scope.get("method", "WEBSOCKET"),
        route=_route_template(scope),
        status=status,
        duration_ms=round(seconds * 1000, 2),
        client_ip=scope["state"]["client_ip"],
    )


def _route_template(scope: Scope) -> str | None:
    """`/api/v1/popups/{popup_id}`; None when no route was found or none was looked for."""
    # An included route knows only its own part of the path; FastAPI keeps the whole here.
    included = scope.get("fastapi", {}).get("effective_route_context")
    template: str | None = getattr(included or scope.get("route"), "path_format", None)
    return template
