"""Keys turn by themselves: workers do it, each step once, and it is told of."""

from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.worker import worker_of
from shared_lib.testing.postgres import Cluster
from tests.conftest import make_settings, running, working
from tests.core_receiver import CoreReceiver, eventually

# A key signs for 5 s, and from 6 s after it was published.
QUICK = {"jwks_max_age": 1, "key_margin": 4, "key_rotation_days": 5 / 86400, "longest_token": 1}


def turns(core: CoreReceiver, since: int) -> list[dict[str, Any]]:
    every = [event for sent in core.received[since:] for event in sent.body.get("events", [])]
    return [event for event in every if event["action"] == "keys.rotate"]


async def test_any_number_of_workers_takes_each_step_once(
    cluster: Cluster, own_database: str, core: CoreReceiver
) -> None:
    settings = make_settings(cluster, own_database, core.url, **QUICK)
    since = len(core.received)
    admin = await asyncpg.connect(cluster.admin_url(own_database))

    async def two_promotions_and_a_retirement() -> bool:
        changes = [event["changes"] for event in turns(core, since)]
        promoted = [each["current"][1] for each in changes if each["current"][1]]
        return len(promoted) >= 2 and any(each["retired"][1] for each in changes)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(settings))
        for _ in range(3):
            await stack.enter_async_context(working(settings))
        await eventually(two_promotions_and_a_retirement, 60)
    told = sorted(turns(core, since), key=lambda event: event["occurred_at"])
    assert {UUID(event["tenant_id"]).int for event in told} == {1}
    assert {event["actor_id"] for event in told} == {None}
    promoted = [event["changes"]["current"] for event in told if event["changes"]["current"][1]]
    # Whom one turn promoted the next demoted: no turn was taken twice, none is untold.
    for earlier, later in pairwise(promoted):
        assert earlier[1] == later[0]
    states = await admin.fetch("SELECT state FROM signing_keys")
    assert [row["state"] for row in states].count("current") == 1
    assert [row["state"] for row in states].count("next") == 1
    await admin.close()


async def test_a_key_that_has_not_signed_for_long_does_not_turn(
    cluster: Cluster, own_database: str, core: CoreReceiver
) -> None:
    settings = make_settings(
        cluster, own_database, core.url, jwks_max_age=1, key_margin=4, key_rotation_days=1
    )
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings):
        age = "UPDATE signing_keys SET published_at = published_at - interval '1 hour'"
        await admin.execute(age)
        before = await admin.fetch("SELECT * FROM signing_keys ORDER BY kid")
        async with worker_of(settings) as worker:
            assert await worker.run_due() >= 1
        assert await admin.fetch("SELECT * FROM signing_keys ORDER BY kid") == before
        await admin.execute(
            "UPDATE signing_keys SET activated_at = now() - interval '25 hours'"
            " WHERE state = 'current'"
        )
        await admin.execute("UPDATE schedules SET next_at = now()")
        async with worker_of(settings) as worker:
            assert await worker.run_due() >= 1
        states = await admin.fetch("SELECT state FROM signing_keys ORDER BY state")
        assert [row["state"] for row in states] == ["current", "next", "previous"]
    await admin.close()


@pytest.mark.parametrize("fails", ["jobs", "security_events"])
async def test_a_turn_that_cannot_be_told_of_does_not_happen(
    cluster: Cluster, own_database: str, core: CoreReceiver, fails: str
) -> None:
    settings = make_settings(
        cluster, own_database, core.url, jwks_max_age=1, key_margin=4, key_rotation_days=1
    )
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with running(settings):
        await admin.execute(
            "UPDATE signing_keys SET published_at = now() - interval '1 hour',"
            " activated_at = activated_at - interval '25 hours'"
        )
        before = await admin.fetch("SELECT * FROM signing_keys ORDER BY kid")
        condition = "NEW.kind = 'send_security_event'" if fails == "jobs" else "true"
        await admin.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
            f" CREATE TRIGGER refuse BEFORE INSERT ON {fails} FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION refuse();"
        )
        async with worker_of(settings) as worker:
            assert await worker.run_due() >= 1
        assert await admin.fetch("SELECT * FROM signing_keys ORDER BY kid") == before
    await admin.close()
