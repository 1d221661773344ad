"""PostgreSQL is killed, frozen and started again while people write: nothing is lost or doubled."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.faults.facts import telling
from tests.faults.ledger import Outcome
from tests.faults.server import OwnServer, own_server
from tests.faults.writers import NO_LIMITS, REFUSED, Writing, writing
from tests.people import sign_in
from tests.system import System

pytestmark = pytest.mark.database

WORKING = (
    " FROM pg_stat_activity WHERE datname = current_database()"
    " AND usename = 'product_app' AND state <> 'idle'"
)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as running:
        yield running


@pytest.fixture(scope="module")
def stricken(server: OwnServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system on a server of its own."""
    prepared: Path = tmp_path_factory.mktemp("cluster")
    cluster = Cluster.prepare(server.url, prepared)
    with System(cluster, tmp_path_factory.mktemp("system"), **NO_LIMITS) as running:
        yield running


def recovered(at_work: Writing) -> None:
    """Writes succeed again, both services are ready, and people sign in."""
    at_work.wait_for_more(Outcome.DONE)
    for service in (at_work.system.core, at_work.system.identity):
        service.wait_until_ready()
    assert sign_in(at_work.system, "viewer@acme.example.com").results("/popups")


def test_the_server_is_killed(stricken: System, server: OwnServer) -> None:
    """It is that of both services, and the facts between them wait in it."""
    with telling(stricken) as facts, writing(stricken) as at_work:
        for _ in range(3):
            at_work.wait_for_more(Outcome.DONE)
            facts.wait_for_more()
            server.crash()
            at_work.wait_for_more(*REFUSED)
            server.start()
            recovered(at_work)
        facts.wait_for_more()


def test_the_process_of_one_connection_is_killed(stricken: System, server: OwnServer) -> None:
    """The postmaster then ends every connection and recovers."""
    with writing(stricken) as at_work:
        for _ in range(3):
            at_work.wait_for_more(Outcome.DONE)
            killed = False
            while not killed:
                for row in stricken.sql("product", "SELECT pid" + WORKING)[:1]:
                    server.kill_backend(row["pid"])
                    killed = True
            at_work.wait_for_more(*REFUSED, more=1)
            recovered(at_work)


def test_connections_are_terminated(stricken: System) -> None:
    with writing(stricken) as at_work:
        before = at_work.ledger.total(*REFUSED)
        while at_work.ledger.total(*REFUSED) < before + 10:
            stricken.sql("product", "SELECT pg_terminate_backend(pid)" + WORKING)
        recovered(at_work)


def test_the_server_hangs(stricken: System, server: OwnServer) -> None:
    with writing(stricken) as at_work:
        at_work.wait_for_more(Outcome.DONE)
        server.signal(signal.SIGSTOP)
        try:
            at_work.wait_for_more(*REFUSED, more=1)
            ready = stricken.client.get(f"{stricken.core.url}/health/ready")
            assert ready.status_code == 503
        finally:
            server.signal(signal.SIGCONT)
        recovered(at_work)
