"""CORS: Starlette's, without its work for requests that no page of another origin makes."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

_VARY = (b"vary", b"Origin")
_NO_HEADERS = Headers()


class QuickCors(CORSMiddleware):
    """Answers as CORSMiddleware with a list of origins does.

    To a request without `Origin` it only says that the answer would have depended on it.
    """

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return

        async def send_varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if any(name.lower() == b"vary" for name, _ in headers):
                    await self.send(message, send, _NO_HEADERS)
                    return
                message["headers"] = [*headers, _VARY]
            await send(message)

        await self.app(scope, receive, send_varying)
