"""The worker's process: signals, metrics, and the health check of its container."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from shared_lib.jobs._health import worker_details
from shared_lib.jobs._queue import JobQueue
from shared_lib.jobs._worker import Worker
from shared_lib.tenancy import Database

_log = structlog.get_logger(__name__)


def run_worker(
    worker: Callable[[], AbstractAsyncContextManager[Worker[Any]]],
    check: Callable[[], tuple[Database, JobQueue]],
) -> None:
    """The program of `python -m app.worker`: works until SIGTERM or SIGINT.

    With `--check` it only says, by its exit status, whether a worker was seen lately.
    """
    if "--check" in sys.argv[1:]:
        sys.exit(asyncio.run(_seen(*check())))
    asyncio.run(_work(worker))


async def _work(worker: Callable[[], AbstractAsyncContextManager[Worker[Any]]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with worker() as running:
        _log.info("worker_started")
        await running.run(stop)
    _log.info("worker_stopped")


async def _seen(database: Database, queue: JobQueue) -> int:
    try:
        details = await worker_details(database, queue)
    except Exception as error:  # noqa: BLE001  whatever it is, nobody knows of a worker
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1
    finally:
        await database.aclose()
    ago = details["worker_seen_seconds_ago"]
    return 0 if ago is not None and ago < 30 else 1  # noqa: PLR2004
