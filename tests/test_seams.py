"""Facts between the services, with a process killed at each seam: nothing is lost, nothing twice.

The seams are found by locks, not by luck: a process is killed while PostgreSQL holds it where the
test wants it.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.administrator import administrator, held
from tests.conftest import MakeSystem
from tests.people import GLOBEX, Caller, is_refused, sign_in
from tests.system import PATIENCE, ServiceProcess, System, WorkerProcess, eventually

pytestmark = pytest.mark.database

HOLD_SETTLING = """
CREATE FUNCTION hold_settling() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN OLD; END $$;
CREATE TRIGGER hold_settling BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION hold_settling();
"""
RELEASE_SETTLING = "DROP TRIGGER hold_settling ON jobs; DROP FUNCTION hold_settling()"


@pytest.fixture(scope="module")
def frail_system(make_system: MakeSystem) -> System:
    """Without the probe, whose own revocations would be held where a test's should be."""
    return make_system(IDENTITY_REVOCATION_PROBE_SECONDS="86400")


@dataclass(frozen=True)
class Change:
    """Something that was changed. `arrived`: whether the other service acts on it; `times`: how
    often it stands there.
    """

    arrived: Callable[[], bool]
    times: Callable[[], int]


@dataclass(frozen=True)
class Fact:
    """One of the facts. `prepare` brings about what `happen` changes, in the sender alone."""

    name: str
    kind: str
    sender: str
    receiving_table: str
    prepare: Callable[[System], Any]
    happen: Callable[[System, Any], Change]

    @property
    def receiver(self) -> str:
        return "core" if self.sender == "identity" else "identity"


def database_of(name: str) -> str:
    return "product" if name == "core" else name


def service_of(system: System, name: str) -> ServiceProcess:
    return system.core if name == "core" else system.identity


def worker_of(system: System, name: str) -> WorkerProcess:
    return system.core_worker if name == "core" else system.identity_worker


def sign_out(system: System, member: Caller) -> Change:
    member.sign_out()
    statement = "SELECT count(*) FROM revocations WHERE subject_id = $1"
    return Change(
        arrived=lambda: is_refused(member, "token_revoked"),
        times=lambda: system.sql("product", statement, member.claims["sid"])[0]["count"],
    )


def suspend(system: System, admin: Caller) -> Change:
    answer = admin.core("POST", f"/admin/orgs/{GLOBEX}/suspend", json={"reason": "Unpaid"})
    assert answer.status_code == 200, answer.text
    suspended = "SELECT count(*) FROM tenants WHERE id = $1 AND status = 'suspended'"

    def times() -> int:
        found: int = system.sql("identity", suspended, GLOBEX)[0]["count"]
        return found

    return Change(arrived=lambda: times() == 1, times=times)


def platform_of_an_active_globex(system: System) -> Caller:
    """The platform's admin; what a test before this one did to Globex is undone, and told."""
    admin = sign_in(system, "platform@numbersence.com")
    if admin.core("GET", f"/admin/orgs/{GLOBEX}").json()["status"] != "active":
        answer = admin.core("POST", f"/admin/orgs/{GLOBEX}/reactivate", json={})
        assert answer.status_code == 200, answer.text
    told = "SELECT FROM jobs WHERE kind = 'tell_tenant'"
    eventually("identity knows", lambda: not system.sql("product", told))
    return admin


def change_role(system: System, owner: Caller) -> Change:
    members = {each["name"]: each for each in owner.identity("GET", "/members").json()["results"]}
    viewer = members["Acme viewer"]
    role = "standard" if viewer["role"] == "viewer" else "viewer"
    answer = owner.identity("PATCH", f"/members/{viewer['id']}", json={"role": role})
    assert answer.status_code == 200, answer.text
    version = "SELECT version FROM memberships WHERE person_id = $1"
    told = "SELECT role, version FROM members WHERE person_id = $1"
    expected = (role, system.sql("identity", version, viewer["id"])[0]["version"])
    return Change(
        arrived=lambda: (
            [tuple(row) for row in system.sql("product", told, viewer["id"])] == [expected]
        ),
        times=lambda: len(system.sql("product", told, viewer["id"])),
    )


def tell_of_event(system: System, owner: Caller) -> Change:
    statement = "SELECT count(*) FROM audit_events WHERE action = 'members.update'"
    before = system.sql("product", statement)[0]["count"]
    change_role(system, owner)
    return Change(
        arrived=lambda: system.sql("product", statement)[0]["count"] > before,
        times=lambda: system.sql("product", statement)[0]["count"] - before,
    )


FACTS = [
    Fact(
        name="event",
        kind="send_security_event",
        sender="identity",
        receiving_table="audit_events",
        prepare=lambda system: sign_in(system, "owner@acme.example.com"),
        happen=tell_of_event,
    ),
    Fact(
        name="revocation",
        kind="send_revocation",
        sender="identity",
        receiving_table="revocations",
        prepare=lambda system: sign_in(system, "standard@acme.example.com"),
        happen=sign_out,
    ),
    Fact(
        name="member",
        kind="tell_member",
        sender="identity",
        receiving_table="members",
        prepare=lambda system: sign_in(system, "owner@acme.example.com"),
        happen=change_role,
    ),
    Fact(
        name="tenant",
        kind="tell_tenant",
        sender="core",
        receiving_table="tenants",
        prepare=platform_of_an_active_globex,
        happen=suspend,
    ),
]


def before_it_is_sent(system: System, fact: Fact) -> Change:
    """The service is killed right after its answer, with no worker about."""
    prepared = fact.prepare(system)
    worker_of(system, fact.sender).stop()
    change = fact.happen(system, prepared)
    service_of(system, fact.sender).kill()
    worker_of(system, fact.sender).up()
    service_of(system, fact.sender).up()
    return change


def while_it_is_sent(system: System, fact: Fact) -> Change:
    """The worker is killed while it waits for the receiver's answer."""
    prepared = fact.prepare(system)
    receiver = service_of(system, fact.receiver).process
    assert receiver is not None
    receiver.send_signal(signal.SIGSTOP)
    try:
        change = fact.happen(system, prepared)
        eventually("the job is claimed", lambda: claimed(system, fact))
        worker_of(system, fact.sender).kill()
    finally:
        receiver.send_signal(signal.SIGCONT)
    let_leases_end(system, fact)
    worker_of(system, fact.sender).up()
    return change


def before_the_receiver_commits(system: System, fact: Fact) -> Change:
    """The receiver is killed in the transaction that would have kept the fact."""
    prepared = fact.prepare(system)
    receiver = service_of(system, fact.receiver)
    with held(
        system, database_of(fact.receiver), f"LOCK TABLE {fact.receiving_table} IN EXCLUSIVE MODE"
    ):
        change = fact.happen(system, prepared)
        eventually("the receiver is held", lambda: held_up(system, fact.receiver))
        receiver.kill()
        end_held_up(system, fact.receiver)
    receiver.up()
    let_leases_end(system, fact)
    return change


def after_the_receipt(system: System, fact: Fact) -> Change:
    """The worker is killed when the fact has arrived and its job is not forgotten yet."""
    prepared = fact.prepare(system)
    with settling_held(system, fact):
        change = fact.happen(system, prepared)
        eventually("the worker is held", lambda: held_up(system, fact.sender))
        eventually("the fact arrives", change.arrived)
        worker_of(system, fact.sender).kill()
        end_held_up(system, fact.sender)
    let_leases_end(system, fact)
    assert waiting(system, fact), "the job outlives the worker"
    worker_of(system, fact.sender).up()
    return change


SEAMS = [before_it_is_sent, while_it_is_sent, before_the_receiver_commits, after_the_receipt]


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: seam.__name__)
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_nothing_is_lost_and_nothing_comes_twice(
    frail: System, fact: Fact, seam: Callable[[System, Fact], Change]
) -> None:
    change = seam(frail, fact)
    eventually("the fact arrives", change.arrived)
    eventually("nothing waits", lambda: not waiting(frail, fact))
    assert change.times() == 1
    held_jobs = "SELECT kind, failure FROM jobs WHERE held_at IS NOT NULL"
    for database in ("identity", "product"):
        assert frail.sql(database, held_jobs) == []


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_a_worker_that_is_told_to_stop_leaves_nothing_begun(frail: System, fact: Fact) -> None:
    at_work = fact.happen(frail, fact.prepare(frail))
    eventually("the worker is at work", at_work.arrived)
    prepared = fact.prepare(frail)
    worker = worker_of(frail, fact.sender)
    assert worker.process is not None
    change = fact.happen(frail, prepared)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE) == 0
    worker.stop()
    begun = "SELECT FROM jobs WHERE kind = $1 AND attempts > 0 AND failure IS NULL"
    assert not frail.sql(database_of(fact.sender), begun, fact.kind), "finished or handed back"
    worker.up()
    eventually("the fact arrives", change.arrived)
    assert change.times() == 1


def claimed(system: System, fact: Fact) -> bool:
    statement = "SELECT FROM jobs WHERE kind = $1 AND attempts > 0"
    return bool(system.sql(database_of(fact.sender), statement, fact.kind))


def waiting(system: System, fact: Fact) -> bool:
    statement = "SELECT FROM jobs WHERE kind = $1"
    return bool(system.sql(database_of(fact.sender), statement, fact.kind))


def let_leases_end(system: System, fact: Fact) -> None:
    """Half a minute passes: what a dead worker had claimed is due again."""
    system.sql(database_of(fact.sender), "UPDATE jobs SET run_at = now() WHERE held_at IS NULL")


def held_up(system: System, name: str) -> bool:
    """Whether one of the service's own connections waits for a lock."""
    statement = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    return bool(system.sql(database_of(name), statement))


def end_held_up(system: System, name: str) -> None:
    """A killed client's statement would go on without it when the lock is released."""
    system.sql(
        database_of(name),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )


@contextmanager
def settling_held(system: System, fact: Fact) -> Iterator[None]:
    """Workers of the sender wait before they forget a job."""
    with administrator(system, database_of(fact.sender)) as execute:
        execute(HOLD_SETTLING)
        try:
            execute("SELECT pg_advisory_lock(42)")
            yield
        finally:
            execute("SELECT pg_advisory_unlock(42)")
            execute(RELEASE_SETTLING)
