"""Jobs on a real database: done once, tried again, held, handed back, never lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.waiting import until

from shared_lib.audit import PLATFORM
from shared_lib.caller import Caller
from shared_lib.ids import uuid7
from shared_lib.jobs import (
    URGENT,
    Backoff,
    Every,
    JobFailed,
    JobKind,
    JobQueue,
    Lane,
    TenantMissing,
    Work,
    Worker,
)
from shared_lib.tenancy import Runtime, ServiceTx, background_transaction

Handler = Callable[[Work[Any]], Awaitable[None]]
AT_ONCE = Backoff(first=0.0)


async def nothing(_work: Work[Any]) -> None: ...


@pytest.fixture
def enqueue(queue: JobQueue, runtime: Runtime) -> Callable[..., Awaitable[UUID]]:
    async def put(kind: str = "greet", **options: Any) -> UUID:
        caller = Caller(token=None, request_id=uuid7())
        async with background_transaction(runtime, ServiceTx, caller) as tx:
            return await queue.enqueue(tx, kind, **options)

    return put


Enqueue = Callable[..., Awaitable[UUID]]


def worker_of(queue: JobQueue, runtime: Runtime, *kinds: JobKind, **options: Any) -> Worker[str]:
    return Worker(queue, runtime, "context", kinds=kinds, **options)


@asynccontextmanager
async def at_work(*workers: Worker[Any]) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()


async def until_empty(admin: asyncpg.Connection) -> None:
    await until(lambda: admin.fetchval("SELECT count(*) = 0 FROM jobs"))


async def test_a_job_is_done_with_its_arguments_and_leaves(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    seen: list[Work[Any]] = []

    async def greet(work: Work[Any]) -> None:
        seen.append(work)

    job_id = await enqueue(popup_id="7", times=3)
    assert await worker_of(queue, runtime, JobKind("greet", greet)).run_due() == 1
    work = seen.pop()
    assert (work.job.id, work.job.arguments) == (job_id, {"popup_id": "7", "times": 3})
    assert (work.job.tenant_id, work.job.attempts, work.context) == (PLATFORM, 1, "context")
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_job_of_a_transaction_that_fails_was_never_promised(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection
) -> None:
    caller = Caller(token=None, request_id=uuid7())
    with pytest.raises(KeyError):  # noqa: PT012  it is the block that fails
        async with background_transaction(runtime, ServiceTx, caller) as tx:
            await queue.enqueue(tx, "greet")
            raise KeyError
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_job_waits_for_its_time(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    await enqueue(delay=3600)
    worker = worker_of(queue, runtime, JobKind("greet", nothing))
    assert await worker.run_due() == 0
    await admin.execute("UPDATE jobs SET run_at = now()")
    assert await worker.run_due() == 1


async def test_a_failed_job_is_tried_again_later(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    async def fail(_work: Work[Any]) -> None:
        raise JobFailed("status 503")

    await enqueue()
    kind = JobKind("greet", fail, backoff=Backoff(first=1000, longest=1000))
    worker = worker_of(queue, runtime, kind)
    assert await worker.run_due() == 1
    row = await admin.fetchrow("SELECT *, run_at - now() AS pause FROM jobs")
    assert (row["attempts"], row["failure"], row["held_at"]) == (1, "JobFailed: status 503", None)
    assert timedelta(seconds=400) < row["pause"] <= timedelta(seconds=1000)
    assert await worker.run_due() == 0


async def test_of_a_foreign_error_only_its_class_is_kept(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    async def fail(_work: Work[Any]) -> None:
        raise ValueError("to: somebody@example.com")

    await enqueue()
    await worker_of(queue, runtime, JobKind("greet", fail)).run_due()
    assert await admin.fetchval("SELECT failure FROM jobs") == "ValueError"


async def test_after_its_last_attempt_a_job_is_held(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    async def fail(_work: Work[Any]) -> None:
        raise JobFailed("no")

    await enqueue()
    worker = worker_of(queue, runtime, JobKind("greet", fail, attempts=3, backoff=AT_ONCE))
    assert await worker.run_due() == 3
    row = await admin.fetchrow("SELECT attempts, held_at, failure FROM jobs")
    assert row["attempts"] == 3
    assert row["held_at"]
    assert await worker.run_due() == 0
    states = await queue.states(admin)
    assert [(state.kind, state.waiting, state.held) for state in states] == [("greet", 0, 1)]


async def test_a_fact_has_no_last_attempt(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    attempts = 0

    async def fail_often(_work: Work[Any]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 40:
            raise JobFailed("no")

    await enqueue()
    kind = JobKind("greet", fail_often, attempts=None, backoff=AT_ONCE)
    assert await worker_of(queue, runtime, kind).run_due() == 40
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_job_that_takes_too_long_has_failed(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    async def hang(_work: Work[Any]) -> None:
        await asyncio.Event().wait()

    await enqueue()
    await worker_of(queue, runtime, JobKind("greet", hang, timeout=0.05)).run_due()
    assert await admin.fetchval("SELECT failure FROM jobs") == "TimeoutError"


async def test_several_workers_do_each_job_once(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    done: Counter[UUID] = Counter()

    async def count(work: Work[Any]) -> None:
        await asyncio.sleep(0.01)
        done[work.job.id] += 1

    ids = {await enqueue() for _ in range(60)}
    workers = [worker_of(queue, runtime, JobKind("greet", count)) for _ in range(3)]
    async with at_work(*workers):
        await until_empty(admin)
    assert done == Counter(ids)


async def test_a_dead_worker_gives_back_by_doing_nothing_and_cannot_come_late(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    await enqueue()
    kind = JobKind("greet", nothing)
    [job] = await queue.claim(admin, [kind], 1, lease=0.0)
    [again] = await queue.claim(admin, [kind], 1, lease=60.0)
    assert (job.attempts, again.attempts) == (1, 2)
    await queue.finish(admin, job)
    await queue.hold(admin, job, "late")
    await queue.hand_back(admin, job)
    row = await admin.fetchrow("SELECT attempts, held_at, failure FROM jobs")
    assert tuple(row) == (2, None, None)
    await queue.finish(admin, again)
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_job_that_its_workers_die_with_is_held_in_the_end(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    await enqueue()
    kind = JobKind("greet", nothing, attempts=2)
    for _ in range(2):  # each dies before it can say what became of it
        assert len(await queue.claim(admin, [kind], 1, lease=0.0)) == 1
    assert await worker_of(queue, runtime, kind).run_due() == 1
    row = await admin.fetchrow("SELECT held_at IS NOT NULL AS held, failure FROM jobs")
    assert row["held"]
    assert "died" in row["failure"]


async def test_what_is_urgent_never_waits_behind_what_is_slow(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    release, revoked = asyncio.Event(), asyncio.Event()

    async def mail(_work: Work[Any]) -> None:
        await release.wait()

    async def revoke(_work: Work[Any]) -> None:
        revoked.set()

    for _ in range(10):
        await enqueue("mail")
    worker = worker_of(
        queue,
        runtime,
        JobKind("mail", mail, lane=Lane("slow", 2)),
        JobKind("revoke", revoke, lane=URGENT),
    )
    async with at_work(worker):
        await until(lambda: admin.fetchval("SELECT count(*) = 2 FROM jobs WHERE attempts > 0"))
        await enqueue("revoke")
        async with asyncio.timeout(20):
            await revoked.wait()
        assert await admin.fetchval("SELECT count(*) FROM jobs WHERE kind = 'mail'") == 10
        release.set()
        await until_empty(admin)


async def test_a_stopped_worker_finishes_what_it_can_and_hands_back_the_rest(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    finishing, started = asyncio.Event(), asyncio.Event()

    async def short(_work: Work[Any]) -> None:
        await finishing.wait()

    async def long(_work: Work[Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    await enqueue("short")
    kept = await enqueue("long")
    worker = worker_of(queue, runtime, JobKind("short", short), JobKind("long", long), grace=3)
    async with at_work(worker) as stop:
        await started.wait()
        stop.set()
        finishing.set()
    row = await admin.fetchrow("SELECT id, attempts, run_at <= now() AS due, failure FROM jobs")
    assert tuple(row) == (kept, 0, True, None)


async def test_recurring_work_is_done_once_by_whoever_looks_first(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection
) -> None:
    runs = 0

    async def sweep(_work: Work[Any]) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise JobFailed("the next one comes")

    every = Every("sweep", sweep, timedelta(hours=1))
    workers = [worker_of(queue, runtime, recurring=[every]) for _ in range(3)]
    assert sum(await asyncio.gather(*(worker.run_due() for worker in workers))) == 1
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 0
    await admin.execute("UPDATE schedules SET next_at = now()")
    assert sum(await asyncio.gather(*(worker.run_due() for worker in workers))) == 1
    assert runs == 2


async def test_a_worker_survives_the_loss_of_its_connections(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    async with at_work(worker_of(queue, runtime, JobKind("greet", nothing))):
        for _ in range(3):
            await admin.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'jobs' AND datname = current_database()"
            )
            await enqueue()
            await until_empty(admin)


async def test_a_job_without_an_organization_opens_none(
    queue: JobQueue, runtime: Runtime, admin: asyncpg.Connection, enqueue: Enqueue
) -> None:
    tenants: list[UUID] = []

    async def look(work: Work[Any]) -> None:
        async with work.tenant() as tx:
            tenants.append(tx.tenant_id)

    own = uuid7()
    await enqueue()
    await enqueue(tenant_id=own)
    await worker_of(queue, runtime, JobKind("greet", look, attempts=1)).run_due()
    assert tenants == [own]
    held = await admin.fetchval("SELECT failure FROM jobs WHERE tenant_id = $1", PLATFORM)
    assert held.startswith(TenantMissing.__name__)


def test_a_worker_refuses_kinds_that_cannot_work(queue: JobQueue, runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="lease"):
        worker_of(queue, runtime, JobKind("greet", nothing, timeout=60))
    with pytest.raises(ValueError, match="same name"):
        worker_of(queue, runtime, JobKind("greet", nothing), JobKind("greet", nothing))
