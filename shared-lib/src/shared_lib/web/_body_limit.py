"""Refuses bodies that are longer than the service takes."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared_lib.errors import BodyTooLarge

_LONGEST_LENGTH = 18  # digits; Python refuses to read numbers of thousands of them


class BodyLimitMiddleware:
    """Lets at most `max_bytes` of a body in: 413 `body_too_large`.

    By `Content-Length` before anything else runs, and by counting where the length is not told or
    not true. Starlette's own limiter answers in plain text in place of whatever the app says, and
    FastAPI puts it outside CORS; hence this one.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and self._is_too_large(value):
                raise BodyTooLarge
        received = 0

        async def receive_counting() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self.max_bytes:
                    # FastAPI makes a 400 of whatever else is raised while it reads a body.
                    raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self.app(scope, receive_counting, send)

    def _is_too_large(self, length: bytes) -> bool:
        return len(length) > _LONGEST_LENGTH or int(length) > self.max_bytes
