"""The bound on revocation: measured all the time, and health says by how much it is exceeded."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry

from app.core.metrics import RevocationMetrics
from app.core.settings import IdentitySettings
from shared_lib.testing.postgres import Cluster
from tests.conftest import client_of, make_settings, running, working
from tests.core_receiver import CoreReceiver, eventually

PACE = {"revocation_probe_seconds": 1, "revocation_bound_seconds": 2}
Told = dict[str, Any]


@pytest.fixture
def own_core() -> CoreReceiver:
    return CoreReceiver()


@asynccontextmanager
async def measuring(
    cluster: Cluster, database: str, core: CoreReceiver
) -> AsyncIterator[httpx.AsyncClient]:
    settings = make_settings(cluster, database, core.url, **PACE)
    async with running(settings) as app, client_of(app) as client, working(settings):
        yield client


async def told(client: httpx.AsyncClient) -> Told:
    """What health says of the bound; asked again where the machine was too slow to say."""
    answers: list[httpx.Response] = []

    async def answered() -> bool:
        answers.append(await client.get("/health/ready"))
        told = answers[-1].json().get("details", {}).get("revocation", {})
        return answers[-1].status_code == 200 and "bound_seconds" in told

    await eventually(answered)
    response = answers[-1]
    assert response.status_code == 200, response.text
    answer: Told = response.json()
    bound: Told = answer["details"]["revocation"]
    assert bound["bound_seconds"] == 2
    assert (answer["status"] == "ready") <= (bound["status"] == "ok")
    return bound


def when(
    client: httpx.AsyncClient, condition: Callable[[Told], bool]
) -> Callable[[], Awaitable[bool]]:
    async def met() -> bool:
        return condition(await told(client))

    return met


def holds(bound: Told) -> bool:
    return bool(bound["status"] == "ok" and bound["measured_seconds_ago"] < 3)


def is_late(bound: Told) -> bool:
    # By how much is told in tenths of a second.
    return bool(bound["status"] == "degraded" and (bound["measured_seconds"] or 0) > 2)


async def test_it_is_measured_again_and_again(
    cluster: Cluster, own_database: str, own_core: CoreReceiver
) -> None:
    with own_core.listening():
        async with measuring(cluster, own_database, own_core) as client:
            first = await told(client)
            assert (first["status"], first["measured_seconds"]) == ("degraded", None)
            await eventually(when(client, holds))
            bound = await told(client)
            assert 0 < bound["measured_seconds"] <= 2
            assert bound["exceeded_by_seconds"] == 0
            probes = len(own_core.received)

            async def another() -> bool:
                return len(own_core.received) >= probes + 2

            await eventually(another)
    revoked = [each for sent in own_core.received for each in sent.body.get("revocations", [])]
    assert {each["kind"] for each in revoked} == {"session"}
    assert len({each["subject_id"] for each in revoked}) == len(revoked), "nobody's, each time anew"


async def test_a_core_that_goes_on_accepting_exceeds_it(
    cluster: Cluster, own_database: str, own_core: CoreReceiver
) -> None:
    own_core.deaf = True
    with own_core.listening():
        async with measuring(cluster, own_database, own_core) as client:
            await eventually(when(client, is_late))
            own_core.deaf = False
            await eventually(when(client, holds))


async def test_what_cannot_be_delivered_exceeds_it_by_its_age(
    cluster: Cluster, own_database: str, own_core: CoreReceiver
) -> None:
    """With nobody signing out, too; and it recovers without a hand."""
    async with measuring(cluster, own_database, own_core) as client:
        await eventually(when(client, lambda bound: bound["exceeded_by_seconds"] > 0.5))
        before = await told(client)
        assert before["status"] == "degraded"
        further = before["exceeded_by_seconds"] + 0.5
        await eventually(when(client, lambda bound: bound["exceeded_by_seconds"] > further))
        with own_core.listening():
            await eventually(when(client, holds))


async def test_one_thing_waits_however_long_the_core_is_away(
    cluster: Cluster, own_database: str, own_core: CoreReceiver
) -> None:
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    async with measuring(cluster, own_database, own_core) as client:
        await eventually(when(client, lambda bound: bound["exceeded_by_seconds"] > 2))
        waiting = "SELECT count(*) FROM jobs WHERE kind = 'send_revocation'"
        assert await admin.fetchval(waiting) == 1
    await admin.close()


def test_prometheus_is_told() -> None:
    registry = CollectorRegistry()
    metrics = RevocationMetrics(registry)
    metrics.probed("refused", 0.3)
    metrics.probed("timeout", 7)
    metrics.probed("unreachable")
    metrics.exceeded(2)
    told = registry.get_sample_value
    assert told("phasezero_revocation_seconds_count") == 2
    assert told("phasezero_revocation_seconds_bucket", {"le": "5.0"}) == 1
    assert told("phasezero_revocation_probes_total", {"outcome": "unreachable"}) == 1
    assert told("phasezero_revocation_exceeded_seconds") == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"key_rotation_days": 0},
        {"revocation_probe_seconds": 0},
        {"revocation_bound_seconds": 0},
        {"revocation_bound_seconds": 11},
    ],
)
def test_settings_that_mean_nothing_are_refused(
    settings: IdentitySettings, changes: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=next(iter(changes)).upper()):
        IdentitySettings(**{**settings.model_dump(), **changes})
