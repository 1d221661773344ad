"""What the core makes of an answer of identity's that it cannot accept: 503, never 401 or 500."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import httpx
import pytest
from typing_extensions import override

from app.core.identity import Identity, IdentityUnavailable, MemberNotFound
from shared_lib.errors import TokenRevoked
from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier

MEMBER, TENANT, SESSION = uuid7(), uuid7(), uuid7()
ISSUER = TokenIssuer()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def exchange(status: int, body: bytes) -> object:
    verifier = TokenVerifier(issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE)
    with answering(status, body) as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            identity = Identity(http, url, authorization="Basic Yzpz", verifier=verifier)
            return await identity.exchange(
                member_id=MEMBER,
                tenant_id=TENANT,
                support_id=SESSION,
                support_mode="read_only",
                lifetime=timedelta(minutes=5),
                agent_token="of the agent",
            )


def granted(**changes: Any) -> bytes:
    """The answer with a token for what was asked, but for `changes`."""
    asked: dict[str, Any] = {"tenant_id": TENANT, "sub": MEMBER, "support_id": SESSION}
    token = ISSUER.support(**asked | changes)
    return json.dumps({"access_token": token, "expires_in": 300}).encode()


async def test_what_was_asked_for_is_accepted() -> None:
    assert await exchange(200, granted())


@pytest.mark.parametrize(
    "answer",
    [
        lambda: b"",
        lambda: b"[]",
        lambda: b"{}",
        lambda: b"<html>",
        lambda: b'{"access_token": "\xff", "expires_in": 300}',
        lambda: b'{"x":' + b"[" * 60_000,
        lambda: granted() + b" " * 70_000,
        lambda: b'{"access_token": 1, "expires_in": 300}',
        lambda: b'{"access_token": "x.y.z", "expires_in": 300}',
        lambda: granted(issued_at=4_000_000_000),
        lambda: granted(tenant_id=UUID(int=1)),
        lambda: granted(sub=UUID(int=1)),
        lambda: granted(support_id=UUID(int=1)),
        lambda: granted(mode="read_write"),
    ],
)
async def test_anything_else_is_identitys_fault(answer: Callable[[], bytes]) -> None:
    with pytest.raises(IdentityUnavailable):
        await exchange(200, answer())


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"error": "invalid_request", "detail": "invalid_actor_token"}', TokenRevoked),
        (400, b'{"error": "invalid_request", "detail": "invalid_subject_token"}', MemberNotFound),
        (400, b'{"error": "invalid_request"}', IdentityUnavailable),
        (500, b"oops", IdentityUnavailable),
        (503, b"[]", IdentityUnavailable),
    ],
)
async def test_refusals(status: int, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await exchange(status, body)
