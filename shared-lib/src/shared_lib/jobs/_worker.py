"""The worker: claims jobs lane by lane, does them, and says when work recurs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Generic, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from shared_lib.jobs._kinds import Every, Job, JobFailed, JobKind, JobRefused, Lane
from shared_lib.jobs._measurements import measure
from shared_lib.jobs._metrics import WorkerMetrics
from shared_lib.jobs._queue import JobQueue
from shared_lib.jobs._work import Work
from shared_lib.tenancy import Database, Runtime, Scope

Context = TypeVar("Context")
SEEN = "worker_seen"

_POLL = 0.5  # seconds between two looks at an empty lane
_BEAT = 5.0  # seconds between two signs of life
_LEASE = 30.0  # seconds after which a job of a worker that died is another's
_MOST = 50  # jobs that `run_due` claims at once
_log = structlog.get_logger(__name__)


class Worker(Generic[Context]):
    """Does the jobs of one service, in one process of any number.

    `lease` (seconds) is how long a dead worker keeps its jobs; every kind's timeout is shorter, or
    ValueError. `grace` (seconds) is what running jobs get when the worker is told to stop;
    whatever is not done then is handed back.
    """

    def __init__(
        self,
        queue: JobQueue,
        runtime: Runtime,
        context: Context,
        *,
        kinds: Sequence[JobKind],
        recurring: Sequence[Every] = (),
        metrics: WorkerMetrics | None = None,
        lease: float = _LEASE,
        grace: float = 5.0,
    ) -> None:
        self._queue = queue
        self._runtime = runtime
        self._context = context
        self._recurring = {every.name: every for every in recurring}
        every_kind = [*kinds, *(every.kind for every in recurring)]
        self._kinds = {kind.name: kind for kind in every_kind}
        if len(self._kinds) < len(every_kind):
            raise ValueError("two kinds of job have the same name")
        if max((kind.timeout for kind in every_kind), default=0.0) >= lease:
            raise ValueError("a job may not take longer than its worker's lease")
        self._metrics = metrics or WorkerMetrics()
        self._lease = lease
        self._grace = grace
        self._running: dict[asyncio.Task[None], Job] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish or hand back what is under way."""
        lanes = {kind.lane for kind in self._kinds.values()}
        loops = [
            *(asyncio.create_task(self._serve(lane, stop)) for lane in lanes),
            asyncio.create_task(self._repeat(self._start_recurring, 1.0, stop)),
            asyncio.create_task(self._repeat(self._beat, _BEAT, stop)),
        ]
        await asyncio.gather(*loops)
        await self._wind_down()

    async def run_due(self) -> int:
        """Do every job that is due now, lane after lane, and return; how many there were."""
        await self._start_recurring()
        done = 0
        while jobs := await self._claim(list(self._kinds.values()), _MOST):
            for job in jobs:
                await self._do(job)
            done += len(jobs)
        return done

    async def _serve(self, lane: Lane, stop: asyncio.Event) -> None:
        kinds = [kind for kind in self._kinds.values() if kind.lane == lane]
        mine: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            claimed: list[Job] = []
            if free := lane.slots - len(mine):
                with _logged("jobs_not_claimed"):
                    claimed = await self._claim(kinds, free)
            for job in claimed:
                task = asyncio.create_task(self._do(job))
                mine.add(task)
                self._running[task] = job
                task.add_done_callback(mine.discard)
                task.add_done_callback(self._running.pop)
            if not claimed:
                await _until(stop, _POLL)
            elif len(mine) >= lane.slots:
                await asyncio.wait(mine, timeout=_POLL, return_when=asyncio.FIRST_COMPLETED)

    async def _do(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        started = time.perf_counter()
        if kind.attempts is not None and job.attempts > kind.attempts:
            await self._failed(job, kind, JobFailed("its worker died with it, again and again"))
            return
        with bound_contextvars(job=str(job.id), kind=job.kind, tenant_id=str(job.tenant_id)):
            try:
                async with asyncio.timeout(kind.timeout):
                    await kind.handler(Work(job, self._context, self._runtime))
            except Exception as error:  # noqa: BLE001  whatever it was, the job is kept
                await self._failed(job, kind, error)
            else:
                await self._settle(self._queue.finish, job)
                self._metrics.done(job.kind, time.perf_counter() - started)

    async def _failed(self, job: Job, kind: JobKind, error: Exception) -> None:
        failure = f"{type(error).__name__}: {error}" if _is_ours(error) else type(error).__name__
        spent = kind.attempts is not None and job.attempts >= kind.attempts
        last = spent or isinstance(error, JobRefused)
        _log.warning("job_failed", failure=failure, attempts=job.attempts, last=last)
        self._metrics.failed(job.kind, last=last)
        if job.kind in self._recurring:
            await self._settle(self._queue.finish, job)
        elif last:
            await self._settle(self._queue.hold, job, failure)
        else:
            pause = kind.backoff.seconds(job.attempts)
            await self._settle(self._queue.retry, job, failure, pause)

    async def _settle(self, change: Callable[..., Any], job: Job, *values: Any) -> None:
        """Say what became of a job. Without a database it keeps its lease, and runs again."""
        with _logged("job_not_settled"):
            async with self._connection() as connection:
                await change(connection, job, *values)

    async def _claim(self, kinds: Sequence[JobKind], most: int) -> list[Job]:
        async with self._connection() as connection:
            return await self._queue.claim(connection, kinds, most, self._lease)

    async def _start_recurring(self) -> None:
        for every in self._recurring.values():
            async with self._connection() as connection:
                await self._queue.start_due(connection, every)

    async def _beat(self) -> None:
        async with self._connection() as connection:
            await measure(connection, self._queue.measurements, SEEN, 1.0)
            self._metrics.show(await self._queue.states(connection))

    async def _repeat(self, what: Callable[[], Any], seconds: float, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with _logged("worker_interrupted"):
                await what()
            await _until(stop, seconds)

    async def _wind_down(self) -> None:
        running = dict(self._running)
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self._grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in late:
            await self._settle(self._queue.hand_back, running[task])

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        database: Database = self._runtime.databases[Scope.SERVICE]
        async with database.connection() as connection:
            yield connection


@contextmanager
def _logged(event: str) -> Iterator[None]:
    """Log what goes wrong and go on: the worker outlives a database that is away."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  see above
        _log.warning(event, error=type(error).__name__)


def _is_ours(error: Exception) -> bool:
    """Whether the message was written to be kept; those of libraries may repeat contents."""
    return isinstance(error, JobFailed)


async def _until(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
