"""While a password is hashed: so many at a time, and nothing else waits for it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from app.core.passwords import Checked, PasswordHashing
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, client_of, eventually, make_settings, running


@dataclass(frozen=True)
class HeldHash:
    """Hashes begin, and end when they are told to."""

    begun: threading.Event
    release: threading.Event


@contextmanager
def held_hash(passwords: PasswordHashing, patch: pytest.MonkeyPatch) -> Iterator[HeldHash]:
    held, check = HeldHash(threading.Event(), threading.Event()), passwords._check

    def hold(stored: str | None, password: str) -> Checked:
        held.begun.set()
        assert held.release.wait(60)
        return check(stored, password)

    patch.setattr(passwords, "_check", hold)
    try:
        yield held
    finally:
        held.release.set()


async def test_sign_ins_are_bounded_and_the_others_go_on(
    cluster: Cluster, database_name: str, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash at a time and one that waits: the rest get 503, and other requests are answered
    while a hash is computed.
    """
    core_url, bounds = identity.settings.core_url, {"argon2_concurrency": 1, "argon2_queue": 1}
    settings = make_settings(cluster, database_name, core_url, **bounds)
    async with running(settings) as app, client_of(app) as client:
        forms = [{"username": f"{number}@example.com", "password": "x"} for number in range(6)]
        with held_hash(app.state.process.passwords, monkeypatch) as held:
            attempts = [asyncio.create_task(client.post("/token", data=form)) for form in forms]

            async def four_are_refused() -> bool:
                return sum(attempt.done() for attempt in attempts) == 4

            await eventually(four_are_refused)
            assert (await client.get("/health/live")).status_code == 200
            held.release.set()
            statuses = sorted([(await attempt).status_code for attempt in attempts])
        assert statuses == [400, 400, 503, 503, 503, 503]
        busy = next(each for each in attempts if each.result().status_code == 503).result()
        assert busy.json()["detail"] == "sign_in_busy"
        assert busy.headers["retry-after"]


async def test_no_transaction_waits_for_a_hash(
    cluster: Cluster, database_name: str, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(cluster, database_name, identity.settings.core_url)
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = 'identity_auth' AND state LIKE 'idle in transaction%'"
    )
    async with running(settings) as app, client_of(app) as client:
        form = {"username": "nobody@example.com", "password": "wrong"}
        with held_hash(app.state.process.passwords, monkeypatch) as held:
            attempt = asyncio.create_task(client.post("/token", data=form))
            assert await asyncio.to_thread(held.begun.wait, 60)
            assert await identity.admin.fetchval(waiting) == 0
            held.release.set()
            assert (await attempt).status_code == 400
