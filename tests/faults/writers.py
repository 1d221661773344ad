"""People who write all the time, repeat what they do not know, and note what they are told."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from tests.faults.ledger import Answer, Found, Ledger, Outcome, Row, Thing, Value
from tests.people import API, Caller, sign_in
from tests.system import PATIENCE, System, eventually

WRITERS = tuple(
    f"{role}@{org}.example.com" for org in ("acme", "globex") for role in ("owner", "standard")
)
NO_LIMITS = {f"RATE_LIMIT_{whose}": "off" for whose in ("PRINCIPAL", "ORGANIZATION", "ADDRESS")}
REFUSED = (Outcome.NOT_DONE, Outcome.UNKNOWN)
_PAUSE = 0.02  # seconds between two attempts, or everybody would spin on a refused port

ROWS = "SELECT tenant_id, name, tagline FROM popups WHERE name LIKE $1 || '%'"
CHANGES = (
    "SELECT request_id FROM row_history WHERE table_name = 'popups'"
    " AND coalesce(after, before) ->> 'name' LIKE $1 || '%'"
)


class Stopped(Exception):
    """The test gave the writers up, or one was told what nobody can act upon: what it was about to
    do stays open.
    """


@dataclass
class Writing:
    """Writers at work on the popups of two organizations."""

    system: System
    ledger: Ledger
    stop: threading.Event
    given_up: threading.Event
    name: str = field(default_factory=lambda: f"faults-{uuid4().hex[:12]}")
    """What the names of its popups begin with."""

    def wait_for_more(self, *outcomes: Outcome, more: int = 8) -> None:
        """Wait until so many more answers of these kinds have come."""
        wanted = self.ledger.total(*outcomes) + more
        what = " or ".join(outcome.name for outcome in outcomes)
        eventually(f"{more} more are {what}", lambda: self.ledger.total(*outcomes) >= wanted)


def find(system: System, name: str) -> Found:
    """What there is of popups whose names begin so, read behind the services' backs."""
    rows = system.sql("product", ROWS, name)
    changes = system.sql("product", CHANGES, name)
    return Found(
        tuple(Row(str(row["tenant_id"]), row["name"], row["tagline"]) for row in rows),
        tuple(change["request_id"] for change in changes),
    )


@contextmanager
def writing(system: System) -> Iterator[Writing]:
    """Writers at work while the block runs; then each ends what it is about, and is checked."""
    at_work = Writing(system, Ledger(), threading.Event(), threading.Event())
    callers = [sign_in(system, address) for address in WRITERS]
    with ThreadPoolExecutor(len(callers)) as pool:
        futures = [pool.submit(_write, at_work, caller) for caller in callers]
        try:
            yield at_work
            at_work.stop.set()
            for future in futures:
                future.result(PATIENCE)
        finally:
            at_work.given_up.set()
    faults = at_work.ledger.faults(find(system, at_work.name))
    assert not faults, "\n".join(faults)


def _write(at_work: Writing, caller: Caller) -> None:
    with httpx.Client(timeout=PATIENCE) as client:
        writer = _Writer(at_work, caller, client)
        for number in count():
            if at_work.stop.is_set() or at_work.given_up.is_set():
                return
            try:
                writer.live_one_life(number)
            except Stopped:
                continue


@dataclass
class _Writer:
    at_work: Writing
    caller: Caller
    client: httpx.Client

    def live_one_life(self, number: int) -> None:
        """Create a popup, change it, and delete every second one."""
        tenant = self.caller.claims["tenant_id"]
        thing = self.at_work.ledger.thing(tenant, f"{self.at_work.name}-{uuid4().hex[:12]}")
        key = {"Idempotency-Key": str(uuid4())}
        body = {"name": thing.name, "tagline": "created"}
        created = self._until_done(thing, "created", "POST", "/popups", json=body, headers=key)
        path = f"/popups/{created.json()['id']}"
        self._check(thing, path, 200)
        self._until_done(thing, "changed", "PATCH", path, json={"tagline": "changed"})
        if number % 2:
            self._until_done(thing, None, "DELETE", path)
            self._check(thing, path, 404)

    def _until_done(
        self, thing: Thing, wanted: Value, method: str, path: str, **request: Any
    ) -> httpx.Response:
        """Ask until it is done; the answer that says so."""
        before = Outcome.NOT_DONE
        while True:
            response, answer = self._send(method, path, **request)
            if answer.status == 404 and before is Outcome.UNKNOWN and wanted is None:
                # Gone by the attempt before, of which nobody could tell.
                answer = Answer(204, request_id=None)
            before = max(before, answer.outcome, key=lambda each: each is Outcome.UNKNOWN)
            if self.at_work.ledger.note(thing, wanted, answer) is Outcome.DONE:
                assert response is not None
                return response
            if not answer.is_clear:
                raise Stopped
            self._pause()

    def _check(self, thing: Thing, path: str, expected: int) -> None:
        """Who wrote reads what he wrote, or is told to come back and goes on writing."""
        _, answer = self._send("GET", path)
        refused = answer.status is None or (answer.status == 503 and answer.is_clear)
        if answer.status != expected and not refused:
            self.at_work.ledger.complain(f"{thing.name}: read {answer}, not {expected}")

    def _send(self, method: str, path: str, **request: Any) -> tuple[httpx.Response | None, Answer]:
        request_id = str(uuid4())
        headers = {
            "Authorization": f"Bearer {self.caller.access_token}",
            "X-Request-ID": request_id,
            **request.pop("headers", {}),
        }
        url = f"{self.at_work.system.core.url}{API}{path}"
        try:
            response = self.client.request(method, url, headers=headers, **request)
        except httpx.TransportError:
            return None, Answer(request_id=request_id)
        return response, answer_of(response)

    def _pause(self) -> None:
        if self.at_work.given_up.wait(_PAUSE):
            raise Stopped


def answer_of(response: httpx.Response) -> Answer:
    """What a client reads from a response."""
    return Answer(
        status=response.status_code,
        code=_code(response),
        retry_after=response.headers.get("retry-after"),
        request_id=response.headers.get("x-request-id"),
        replayed="idempotency-replayed" in response.headers,
    )


def _code(response: httpx.Response) -> str | None:
    """The stable code of a refusal; None where there is none, as in a page."""
    try:
        return str(response.json()["detail"]) if response.is_error else None
    except (ValueError, LookupError, TypeError):
        return None
