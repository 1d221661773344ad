"""What a service says about its jobs and its worker, for `/health/ready`."""

from typing import Any

from shared_lib.jobs._measurements import measurements
from shared_lib.jobs._queue import JobQueue
from shared_lib.jobs._worker import SEEN
from shared_lib.tenancy import Database

_UNSEEN = 30.0  # seconds without a sign of life after which no worker counts as running
_OLD = 300.0  # seconds that a job may wait before somebody should look


async def worker_details(database: Database, queue: JobQueue) -> dict[str, Any]:
    """How many jobs wait, fail and are held, the age of the oldest, when a worker was last seen.

    Ages are in seconds. `status` is `degraded` when somebody should look: no worker, a job that
    is held, or one that has waited for five minutes.
    """
    async with database.connection() as connection:
        states = await queue.states(connection)
        seen = (await measurements(connection, queue.measurements)).get(SEEN)
    held = sum(state.held for state in states)
    oldest = max((state.oldest_seconds for state in states), default=0.0)
    running = seen is not None and seen.age < _UNSEEN
    return {
        "status": "ok" if running and not held and oldest < _OLD else "degraded",
        "waiting": sum(state.waiting for state in states),
        "failing": sum(state.failing for state in states),
        "held": held,
        "oldest_seconds": round(oldest, 1),
        "worker_seen_seconds_ago": None if seen is None else round(seen.age, 1),
    }
