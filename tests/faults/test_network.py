"""Lines between the processes are cut, slow or wrong: what holds without them, and how it heals."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from shared_lib.testing.forgery import claims_of
from shared_lib.testing.proxy import (
    Behaviour,
    answers,
    answers_http,
    cuts_commit,
    resets,
    silent,
    trickles,
    truncates,
)
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeSystem
from tests.faults.ledger import Outcome
from tests.faults.network import Line, Network, networking
from tests.faults.writers import NO_LIMITS, REFUSED, answer_of, writing
from tests.people import Caller, refusal, sign_in
from tests.system import System, eventually, quiet_port

pytestmark = pytest.mark.database

JSON, HTML = "Content-Type: application/json\r\n", "Content-Type: text/html\r\n"
PAGE = answers_http(b"<html>Welcome to the hotel</html>", headers=HTML)
NO_END = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
A_LOT = 32 * 1024 * 1024  # bytes: far more than buffers hold, far less than memory

BROKEN: dict[str, Behaviour | None] = {
    "refused": None,
    "reset": resets,
    "silent": silent,
    "a byte now and then": trickles(1, 0.5),
    "cut off": truncates(100),
    "no http": answers(b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n"),
    "a page": PAGE,
    "another json": answers_http(b'{"keys": 5, "access_token": []}', headers=JSON),
    "no utf-8": answers_http(b'{"access_token": "\xff\xfe"}', headers=JSON),
    "nested": answers_http(b'{"keys":' + b"[" * 60_000, headers=JSON),
    "compressed": answers_http(
        gzip.compress(b" " * 1_000_000), headers=f"{JSON}Content-Encoding: gzip\r\n"
    ),
    "an error": answers_http(b"upstream failed", status="500 Internal Server Error"),
    "elsewhere": answers_http(b"", status="302 Found", headers="Location: /token\r\n"),
    "without an end": answers(NO_END, repeated=b" " * 65536),
}
NO_RECEIPT: dict[str, Behaviour | None] = {
    "refused": None,
    "reset": resets,
    "cut off": truncates(10),
    "a page": PAGE,
}

STARTED = (
    "SELECT (SELECT count(*) FROM support_sessions)"
    " + (SELECT count(*) FROM audit_events WHERE action = 'support_sessions.start'"
    " AND outcome = 'succeeded')"
)


@dataclass(frozen=True)
class Wired:
    """A system, and the lines between its processes."""

    system: System
    to_identity: Line
    to_core: Line
    to_database: Line


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with networking() as running:
        yield running


@pytest.fixture(scope="module")
def whole(make_system: MakeSystem, network: Network) -> Wired:
    identity, core = (f"http://localhost:{quiet_port()}" for _ in range(2))
    to_identity, to_core = network.line_to(identity), network.line_to(core)
    system = make_system(
        **NO_LIMITS,
        IDENTITY_PORT=identity.rpartition(":")[2],
        CORE_PORT=core.rpartition(":")[2],
        IDENTITY_URL=to_identity.url(identity),
        JWKS_URL=to_identity.url(f"{identity}/.well-known/jwks.json"),
        CORE_URL=to_core.url(core),
    )
    direct = system.environment(system.core)["CORE_APP_DATABASE_URL"]
    to_database = network.line_to(direct)
    system.core.stop()
    system.core.overrides = {"CORE_APP_DATABASE_URL": to_database.url(direct)}
    system.core.up()
    return Wired(system, to_identity, to_core, to_database)


@pytest.fixture
def wired(whole: Wired) -> Iterator[Wired]:
    """Whole again after the test."""
    yield whole
    for line in (whole.to_identity, whole.to_core, whole.to_database):
        line.heal()


def fail(line: Line, behaviour: Behaviour | None) -> None:
    """Have a line behave so; None: it is not there."""
    if behaviour is None:
        line.refuse()
    else:
        line.behave(behaviour)


def told(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal that says when to come back."""
    assert answer_of(response).is_clear, response.text
    return refusal(response)


@pytest.mark.parametrize("broken", BROKEN)
def test_the_core_without_a_good_line_to_identity(wired: Wired, broken: str) -> None:
    system = wired.system
    member = sign_in(system, "standard@acme.example.com")
    agent = sign_in(system, "support@numbersence.com")
    issuer = TokenIssuer(member.claims["iss"])
    unknown = issuer.sign({"kid": uuid4().hex}, claims_of(issuer.person()))
    foreign = Caller(system, unknown)
    before = system.sql("product", STARTED)[0][0]
    fail(wired.to_identity, BROKEN[broken])

    created = member.core("POST", "/popups", json={"name": f"While it is {broken}"})
    assert created.status_code == 201, "with the keys that it has"
    assert told(foreign.core("GET", "/me")) == (503, "keys_unavailable")
    assert told(agent.start_support()) == (503, "identity_unavailable")
    assert system.sql("product", STARTED)[0][0] == before, "nothing half done"
    assert all(passage.repeated < A_LOT for passage in wired.to_identity.passages)

    wired.to_identity.heal()
    eventually("keys are asked for", lambda: foreign.core("GET", "/me").status_code == 401)
    session = agent.impersonate()
    assert session.popups() == member.popups()
    ended = agent.core("DELETE", f"/support/impersonate/{session.claims['support']['id']}")
    assert ended.status_code == 204


@pytest.mark.parametrize("broken", NO_RECEIPT)
def test_a_fact_without_a_receipt_is_told_again(wired: Wired, broken: str) -> None:
    system = wired.system
    owner = sign_in(system, "owner@acme.example.com")
    members = owner.identity("GET", "/members").json()["results"]
    viewer = next(each for each in members if each["name"] == "Acme viewer")
    role = "standard" if viewer["role"] == "viewer" else "viewer"
    fail(wired.to_core, NO_RECEIPT[broken])
    changed = owner.identity("PATCH", f"/members/{viewer['id']}", json={"role": role})
    assert changed.status_code == 200
    failed = "SELECT FROM jobs WHERE kind = 'tell_member' AND failure IS NOT NULL"
    eventually("the worker has no receipt", lambda: system.sql("identity", failed))
    wired.to_core.heal()
    known = "SELECT role FROM members WHERE person_id = $1"
    waiting = "SELECT FROM jobs WHERE kind = 'tell_member'"
    eventually("nothing waits", lambda: not system.sql("identity", waiting))
    assert [row["role"] for row in system.sql("product", known, viewer["id"])] == [role]


@pytest.mark.parametrize("before", [True, False], ids=["not asked", "committed"])
def test_commits_without_an_answer(wired: Wired, *, before: bool) -> None:
    with writing(wired.system) as at_work:
        for _ in range(3):
            at_work.wait_for_more(Outcome.DONE)
            wired.to_database.behave(cuts_commit(before=before))
            at_work.wait_for_more(*REFUSED)
            wired.to_database.heal()
        at_work.wait_for_more(Outcome.DONE)


def test_commits_that_nobody_hears_of(wired: Wired) -> None:
    """The connection stays and is silent: the statement's limit ends the waiting."""
    with writing(wired.system) as at_work:
        at_work.wait_for_more(Outcome.DONE)
        wired.to_database.behave(cuts_commit(silently=True))
        at_work.wait_for_more(Outcome.UNKNOWN, more=1)
        wired.to_database.heal()
        at_work.wait_for_more(Outcome.DONE)


def test_transactions_are_cut_anywhere(wired: Wired) -> None:
    with writing(wired.system) as at_work:
        for _ in range(20):
            at_work.wait_for_more(Outcome.DONE, more=2)
            wired.to_database.cut()
        wired.to_database.refuse()
        at_work.wait_for_more(Outcome.NOT_DONE)
        wired.to_database.heal()
        at_work.wait_for_more(Outcome.DONE)
