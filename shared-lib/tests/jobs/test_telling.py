"""What is told of jobs and workers: health details, metrics, pauses."""

import asyncio
from typing import Any

import asyncpg
import pytest

from shared_lib.jobs import (
    Backoff,
    JobKind,
    JobQueue,
    Work,
    Worker,
    WorkerMetrics,
    measure,
    worker_details,
)
from shared_lib.tenancy import Database, Runtime

INSERT = (
    "INSERT INTO jobs (tenant_id, id, kind, arguments, run_at, created_at, held_at)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), $1, '{}', now(),"
    " now() - make_interval(secs => $2), CASE WHEN $3 THEN now() END)"
)


async def nothing(_work: Work[Any]) -> None: ...


async def test_details_without_a_worker(
    database: Database, queue: JobQueue, admin: asyncpg.Connection
) -> None:
    details = await worker_details(database, queue)
    assert details["status"] == "degraded"
    assert details["worker_seen_seconds_ago"] is None


@pytest.mark.parametrize(
    ("age", "held", "status"),
    [(1.0, False, "ok"), (1.0, True, "degraded"), (600.0, False, "degraded")],
)
async def test_details(
    database: Database,
    queue: JobQueue,
    admin: asyncpg.Connection,
    age: float,
    held: bool,  # noqa: FBT001
    status: str,
) -> None:
    await measure(admin, queue.measurements, "worker_seen", 1.0)
    await admin.execute(INSERT, "mail", age, held)
    details = await worker_details(database, queue)
    assert details["status"] == status
    assert (details["waiting"], details["held"]) == ((0, 1) if held else (1, 0))


async def test_a_worker_that_was_not_seen_lately(
    database: Database, queue: JobQueue, admin: asyncpg.Connection
) -> None:
    await measure(admin, queue.measurements, "worker_seen", 1.0)
    await admin.execute("UPDATE measurements SET measured_at = now() - interval '31 s'")
    assert (await worker_details(database, queue))["status"] == "degraded"


async def test_metrics(
    database: Database, queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection
) -> None:
    metrics = WorkerMetrics()
    worker = Worker(queue, runtime, None, kinds=[JobKind("greet", nothing)], metrics=metrics)
    for kind in ("greet", "of another version"):
        await admin.execute(INSERT, kind, 0.0, False)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    value = metrics.registry.get_sample_value
    async with asyncio.timeout(20):
        while not value("phasezero_jobs_total", {"kind": "greet", "outcome": "done"}):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    stop.set()
    await running
    assert value("phasezero_job_seconds_count", {"kind": "greet"}) == 1
    assert value("phasezero_jobs_waiting", {"kind": "of another version"}) == 1
    details = await worker_details(database, queue)
    assert details["worker_seen_seconds_ago"] < 30


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=1, longest=60)
    for attempts, longest in ((1, 1), (2, 2), (5, 16), (7, 60), (5000, 60)):
        pauses = {backoff.seconds(attempts) for _ in range(50)}
        assert longest / 2 <= min(pauses)
        assert max(pauses) <= longest
        assert len(pauses) > 1
