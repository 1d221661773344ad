"""Stands where the identity service would: real HTTP, a token endpoint, and what it was told."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

Fact = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """One request about an organization."""

    method: str
    path: str
    authorization: str
    fact: Fact


@dataclass
class IdentityReceiver:
    """What came in, in order. `answers` are the next statuses; after them it confirms."""

    port: int = 0
    token: str = "a-token-of-the-core"
    told: list[Told] = field(default_factory=list)
    token_requests: list[tuple[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def about(self, tenant_id: object) -> list[Fact]:
        """Everything that came in about one organization."""
        return [each.fact for each in self.told if each.path.endswith(f"/{tenant_id}")]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen at `port`, or at a free one that becomes `port`."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.token_requests.append((self.headers["Authorization"], form))
                answer = {"access_token": receiver.token, "expires_in": 900, "token_type": "Bearer"}
                self._answer(200, json.dumps(answer).encode())

            def do_PUT(self) -> None:
                fact = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                authorization = self.headers["Authorization"]
                receiver.told.append(Told(self.command, self.path, authorization, fact))
                self._answer(receiver.answers.pop(0) if receiver.answers else 204, b"")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            @override
            def log_message(self, format: str, *args: Any) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


def kept(facts: Iterable[Fact]) -> Fact:
    """What a receiver knows that keeps the highest version, whatever order `facts` came in."""
    known: Fact = {"version": 0}
    for fact in facts:
        known = fact if fact["version"] > known["version"] else known
    return known
