"""What stands where the core would, and waiting for what reaches it."""

import asyncio
import json
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import jwt
from typing_extensions import override

from shared_lib.testing.ports import reserved_port


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """Wait until `condition` is true. Raises TimeoutError, after a last look."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.05)


class _Server(ThreadingHTTPServer):
    """Workers call with several requests at once, each on a connection of its own."""

    request_queue_size = 128


@dataclass(frozen=True)
class Received:
    """What the core was sent."""

    method: str
    path: str
    authorization: str
    body: dict[str, Any]


@dataclass
class CoreReceiver:
    """Stands where the core would: real HTTP on 127.0.0.1. `status` is what it answers;
    a request that names one of the `refused` subjects gets 422. Tokens are accepted until their
    session is revoked, and for ever when it is `deaf`.
    """

    status: int = 204
    received: list[Received] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    deaf: bool = False
    port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        reserving = ExitStack()
        self.port = reserving.enter_context(reserved_port())
        weakref.finalize(self, reserving.close)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def learns(self, subject_id: UUID) -> None:
        """Wait until a revocation of `subject_id` has come in."""

        async def known() -> bool:
            return bool(self.revoked(subject_id))

        await eventually(known)

    def revoked(self, subject_id: UUID | str) -> list[dict[str, Any]]:
        """Every revocation of `subject_id` that came in."""
        return [
            revocation
            for request in list(self.received)
            for revocation in request.body.get("revocations", [])
            if revocation["subject_id"] == str(subject_id)
        ]

    def receive(self, sent: Received) -> int:
        """Take what came in, unless it is refused; the status to answer."""
        subjects = {each["subject_id"] for each in sent.body.get("revocations", [])}
        if subjects & self.refused:
            return 422
        self.received.append(sent)
        return self.status

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen at `port`."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                authorization = self.headers.get("Authorization", "")
                sent = Received(self.command, self.path, authorization, content)
                self.answer(receiver.receive(sent))

            def do_GET(self) -> None:
                token = self.headers["Authorization"].removeprefix("Bearer ")
                sid = jwt.decode(token, options={"verify_signature": False})["sid"]
                revoked = receiver.revoked(sid) and not receiver.deaf
                self.answer(401 if revoked else 200, b'{"detail": "token_revoked"}')

            def answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST  # noqa: N815  the name that the base class calls

            @override
            def log_message(self, format: str, *args: Any) -> None:
                return

        with _Server(("127.0.0.1", self.port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
