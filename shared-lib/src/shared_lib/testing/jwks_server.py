"""A JWKS endpoint for tests: real HTTP on 127.0.0.1, in a thread of the test's own process."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from shared_lib.testing.tokens import TokenIssuer

_PATH = "/.well-known/jwks.json"


@contextmanager
def serve_issuer(port: int = 0) -> Iterator[TokenIssuer]:
    """An issuer whose keys are at `<issuer>/.well-known/jwks.json` while the block runs."""
    with serve_issuers(1, port) as issuers:
        yield issuers[0]


@contextmanager
def serve_issuers(number: int, port: int = 0) -> Iterator[list[TokenIssuer]]:
    """One issuer with as many keys, at `port` or a free one; published are those of whoever is in
    the list.
    """
    published: list[TokenIssuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys = [key for issuer in published for key in issuer.jwks()["keys"]]
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200 if self.path == _PATH else 404)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # a client that stops waiting is no fault here
                self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        published += [TokenIssuer(url, number=each) for each in range(number)]
        try:
            yield published
        finally:
            server.shutdown()
            thread.join()
