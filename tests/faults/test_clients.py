"""Connections run out, and clients go away wherever they are: nobody else notices for long."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import httpx
import pytest

from infra.postgres.roles import LOCK_TIMEOUTS
from tests.administrator import administrator, held
from tests.conftest import MakeSystem
from tests.faults.impatient import Attempt, Impatient
from tests.faults.ledger import Ledger, Outcome, Thing
from tests.faults.writers import NO_LIMITS, answer_of, find
from tests.people import ACME, Caller, sign_in
from tests.system import System, eventually

pytestmark = pytest.mark.database

POOL = 2
LONGEST_WAIT = int(LOCK_TIMEOUTS["app"].removesuffix("s"))
"""Seconds for which a request waits for a lock; then it is refused."""
WAITS = "BEGIN PERFORM pg_advisory_xact_lock(43); RETURN NULL; END"
HOLD = {
    "in a statement": f"""
        CREATE FUNCTION hold_popup() RETURNS trigger LANGUAGE plpgsql AS $$ {WAITS} $$;
        CREATE TRIGGER hold_popup AFTER INSERT ON popups
        FOR EACH ROW EXECUTE FUNCTION hold_popup()""",
    "at COMMIT": f"""
        CREATE FUNCTION hold_popup() RETURNS trigger LANGUAGE plpgsql AS $$ {WAITS} $$;
        CREATE CONSTRAINT TRIGGER hold_popup AFTER INSERT ON popups DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hold_popup()""",
}
RELEASE = "DROP TRIGGER hold_popup ON popups; DROP FUNCTION hold_popup()"
OF_REQUESTS = (
    " FROM pg_stat_activity WHERE datname = current_database() AND usename = 'product_app'"
)
BUSY = f"SELECT{OF_REQUESTS} AND state <> 'idle'"
WAITING = f"SELECT{OF_REQUESTS} AND wait_event_type = 'Lock'"
OWN = "SELECT name FROM popups WHERE tenant_id = $1"
LOCK = "LOCK TABLE popups IN ACCESS EXCLUSIVE MODE"


@pytest.fixture(scope="module")
def narrow(make_system: MakeSystem) -> System:
    """A system with two connections for requests of people."""
    return make_system(
        **NO_LIMITS, CORE_DATABASE_POOL_SIZE=str(POOL), CORE_DATABASE_POOL_TIMEOUT="0.5"
    )


@pytest.fixture
def owner(narrow: System) -> Caller:
    return sign_in(narrow, "owner@acme.example.com")


@pytest.fixture
def impatient(narrow: System, owner: Caller) -> Iterator[Impatient]:
    """Whoever goes away; afterwards everything is as it was acknowledged."""
    name = f"impatient-{uuid4().hex[:12]}"
    ledger = Ledger()
    yield Impatient(owner, ledger, name)
    assert ledger.faults(find(narrow, name)) == []
    assert ledger.total(Outcome.DONE) > 0


def check_pool(system: System) -> None:
    """Nothing is open on any connection; all are there, and serve everybody with their own rows."""
    eventually("every connection is idle", lambda: not system.sql("product", BUSY))
    for organization in ("acme", "globex"):
        caller = sign_in(system, f"viewer@{organization}.example.com")
        own = {row["name"] for row in system.sql("product", OWN, caller.claims["tenant_id"])}
        for answer in eventually("all serve in time", partial(served_at_once, caller)):
            assert answer.status_code == 200, answer.text
            names = {popup["name"] for popup in answer.json()["results"]}
            assert names
            assert names <= own


def served_at_once(caller: Caller) -> list[httpx.Response] | None:
    """What as many as there are connections are answered at the same time; None when it took so
    long to see all of them wait that the database let one wait no longer.
    """
    system = caller.system
    with ThreadPoolExecutor(POOL) as pool:
        with held(system, "product", LOCK):
            asked = [pool.submit(caller.core, "GET", "/popups") for _ in range(POOL)]

            def are_seen() -> bool:
                # Whoever is answered while the lock is held was refused.
                waiting = system.sql("product", WAITING)
                return len(waiting) == POOL or any(each.done() for each in asked)

            eventually("all serve", are_seen)
        answers = [each.result() for each in asked]
    # Who is refused for want of a connection waits for less.
    late = [
        each
        for each in answers
        if each.status_code == 503 and each.elapsed.total_seconds() >= LONGEST_WAIT
    ]
    return None if late else answers


@contextmanager
def popups_held(system: System, where: str) -> Iterator[None]:
    """Whoever creates a popup waits there."""
    with administrator(system, "product") as execute:
        execute(HOLD[where])
        execute("SELECT pg_advisory_lock(43)")
        try:
            yield
        finally:
            execute("SELECT pg_advisory_unlock(43)")
            eventually("nobody waits", lambda: not system.sql("product", WAITING))
            execute(RELEASE)


def test_connections_run_out(narrow: System, owner: Caller) -> None:
    ledger, name = Ledger(), f"crowd-{uuid4().hex[:12]}"
    things = [ledger.thing(str(owner.claims["tenant_id"]), f"{name}-{each}") for each in range(12)]

    def create(number: int) -> httpx.Response:
        body = {"name": things[number].name, "tagline": "sent"}
        response = owner.core("POST", "/popups", json=body)
        ledger.note(things[number], "sent", answer_of(response))
        return response

    with ThreadPoolExecutor(len(things)) as pool:
        refused: list[Future[httpx.Response]] = []

        def first_wait() -> bool:
            if all(each.done() for each in refused):
                refused.extend(pool.submit(create, number) for number in range(len(things)))
            return len(narrow.sql("product", WAITING)) == POOL

        with held(narrow, "product", LOCK):
            eventually("the first wait", first_wait)
            ready = narrow.client.get(f"{narrow.core.url}/health/ready")
            assert ready.json()["checks"]["database"]["status"] == "ok", "busy is not away"
            answers = [each.result() for each in refused]
        assert {(each.status_code, each.json()["detail"]) for each in answers} == {
            (503, "database_unavailable")
        }
    check_pool(narrow)
    with ThreadPoolExecutor(POOL) as pool:
        assert {each.status_code for each in pool.map(create, range(len(things)))} == {201}
    assert ledger.faults(find(narrow, name)) == []
    check_pool(narrow)


def test_who_leaves_before_everything_is_sent(narrow: System, impatient: Impatient) -> None:
    attempt = impatient.begin()
    sizes = [1, 20, len(attempt.head) - 1, len(attempt.head), len(attempt.whole) - 1]
    for size in sizes:
        attempt = impatient.begin()
        attempt.send(attempt.whole[:size])
        attempt.leave()
        impatient.settle(attempt)
    check_pool(narrow)


def test_who_leaves_is_not_said_to_have_failed(narrow: System) -> None:
    """Calls of staff are recorded, but this one was never made."""
    agent = sign_in(narrow, "support@numbersence.com")
    attempt = Attempt(agent, Thing(str(ACME), "never"), f"/support/impersonate/{ACME}")
    attempt.send(attempt.whole[:-1])
    attempt.leave()
    told = "SELECT outcome, code FROM audit_events WHERE request_id = $1"
    assert agent.results("/support/orgs")  # and this one was, later
    assert narrow.sql("product", told, attempt.request_id) == []


def test_who_leaves_at_any_moment(narrow: System, impatient: Impatient) -> None:
    chance = random.Random(11)
    for _ in range(40):
        attempt = impatient.begin()
        attempt.send(attempt.whole)
        time.sleep(chance.random() / 40)
        attempt.leave()
        impatient.settle(attempt)
    check_pool(narrow)


def test_who_leaves_while_the_answer_comes(narrow: System, impatient: Impatient) -> None:
    attempt = impatient.begin()
    attempt.send(attempt.whole)
    assert attempt.read(1) == b"H"
    attempt.leave()
    impatient.settle(attempt)
    check_pool(narrow)


def leave_when_held(narrow: System, impatient: Impatient) -> list[Attempt]:
    """As many as there are connections, and one that waits for a connection, go away."""
    attempts = [impatient.begin() for _ in range(POOL + 1)]
    for attempt in attempts[:POOL]:
        attempt.send(attempt.whole)

    def are_held() -> bool:
        for attempt in attempts[:POOL]:
            if attempt.is_answered():
                attempt.leave()
                attempt.send(attempt.whole)
        return len(narrow.sql("product", WAITING)) == POOL

    eventually("they are held", are_held)
    attempts[-1].send(attempts[-1].whole)
    for attempt in attempts:
        attempt.leave()
    return attempts


@pytest.mark.parametrize("where", HOLD)
def test_who_leaves_while_he_is_held(narrow: System, impatient: Impatient, where: str) -> None:
    with popups_held(narrow, where):
        attempts = leave_when_held(narrow, impatient)
    for attempt in attempts:
        impatient.settle(attempt)
    check_pool(narrow)


def test_who_leaves_in_the_opening_batch(narrow: System, impatient: Impatient) -> None:
    with held(narrow, "product", "LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE"):
        attempts = leave_when_held(narrow, impatient)
    for attempt in attempts:
        impatient.settle(attempt)
    check_pool(narrow)


def test_a_service_that_stops_with_requests_under_way(narrow: System, impatient: Impatient) -> None:
    with popups_held(narrow, "in a statement"), ThreadPoolExecutor(1) as pool:
        attempt = impatient.begin()
        answers: list[Future[httpx.Response]] = []

        def is_held() -> bool:
            if all(each.done() for each in answers):
                answers.append(pool.submit(attempt.repeat))
            return bool(narrow.sql("product", WAITING))

        eventually("it is held", is_held)
        narrow.core.stop()
        for each in answers:
            impatient.ledger.note(attempt.thing, "sent", answer_of(each.result()))
    narrow.core.up()
    impatient.settle(attempt)
    check_pool(narrow)
