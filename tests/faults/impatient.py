"""A client that goes away: a raw socket that sends a request and closes where it is told."""

import json
import socket
from dataclasses import dataclass
from select import select
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tests.faults.ledger import Answer, Ledger, Outcome, Thing
from tests.faults.writers import answer_of
from tests.people import API, Caller
from tests.system import eventually


@dataclass
class Impatient:
    """Creates popups under a key, goes away, and asks again until it knows."""

    caller: Caller
    ledger: Ledger
    name: str

    def begin(self) -> "Attempt":
        """A request that was not sent yet."""
        tenant = str(self.caller.claims["tenant_id"])
        return Attempt(self.caller, self.ledger.thing(tenant, f"{self.name}-{uuid4().hex[:12]}"))

    def settle(self, attempt: "Attempt") -> None:
        """Nobody knows what became of it: repeat it until somebody does."""
        self.ledger.note(attempt.thing, "sent", Answer(request_id=attempt.request_id))

        def is_done() -> bool:
            answer = answer_of(attempt.repeat())
            return self.ledger.note(attempt.thing, "sent", answer) is Outcome.DONE

        eventually("the repeat is done", is_done)


class Attempt:
    """One request, byte by byte."""

    def __init__(self, caller: Caller, thing: Thing, path: str = "/popups") -> None:
        self.caller = caller
        self._path = path
        self.thing = thing
        self.request_id = str(uuid4())
        self._key = str(uuid4())
        self._body = json.dumps({"name": thing.name, "tagline": "sent"}).encode()
        self._socket: socket.socket | None = None

    @property
    def head(self) -> bytes:
        """What comes before the body."""
        address = urlsplit(self.caller.system.core.url)
        return (
            f"POST {API}{self._path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {self.caller.access_token}\r\n"
            f"Idempotency-Key: {self._key}\r\nX-Request-ID: {self.request_id}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self._body)}\r\n\r\n"
        ).encode()

    @property
    def whole(self) -> bytes:
        """Everything that there is to send."""
        return self.head + self._body

    def send(self, data: bytes) -> None:
        """Connect and send so much."""
        address = urlsplit(self.caller.system.core.url)
        self._socket = socket.create_connection(("127.0.0.1", address.port or 0))
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        """At most so much of the answer."""
        assert self._socket is not None
        return self._socket.recv(size)

    def is_answered(self) -> bool:
        """Whether there is something to read."""
        assert self._socket is not None
        return bool(select([self._socket], [], [], 0)[0])

    def leave(self) -> None:
        """Close, without a word."""
        assert self._socket is not None
        self._socket.close()

    def repeat(self) -> httpx.Response:
        """The same request by a patient client."""
        headers = {"Idempotency-Key": self._key, "Content-Type": "application/json"}
        return self.caller.core("POST", "/popups", content=self._body, headers=headers)
