"""Sends waiting revocations to the core, again and again until it has confirmed each.

A file of its own: it runs beside the requests, in a task, as role `worker`.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import httpx
import msgspec
import structlog

from app.core.database import connection
from app.modules.revocations import repository
from app.modules.revocations.schemas import Revocation
from shared_lib.tenancy import Database

__all__ = ["RevocationSender"]

_INTERVAL = 1.0
# Well below the limit that the server puts on a transaction that waits (10 s).
_TIMEOUT = 3.0
_CONFIRMED = range(200, 300)
_REFUSED = range(400, 500)
_PATH = "/internal/revocations"

_log = structlog.get_logger(__name__)


class RevocationSender:
    """Looks once a second, and at once when it starts, for what the core does not know yet.

    Any number of replicas: rows are locked while they are sent, so that each is sent by one. A
    crash between sending and forgetting sends a row twice, which changes nothing over there.
    """

    def __init__(
        self, database: Database, http: httpx.AsyncClient, token: Callable[[], str]
    ) -> None:
        """`http` has the core as its base URL; `token` signs one for its `/internal/` paths."""
        self._database = database
        self._http = http
        self._token = token
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._send_for_ever())

    async def aclose(self) -> None:
        """Stop; what waits, waits in the table."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def send_waiting(self) -> bool:
        """Send one batch; whether another may be waiting behind it."""
        async with connection(self._database) as own:
            await own.execute("BEGIN")
            waiting = await repository.lock_waiting(own)
            if not waiting:
                return False
            confirmed = await self._send_all(waiting)
            await repository.delete_sent(own, confirmed)
            failed = [row.id for row in waiting if row.id not in confirmed]
            await repository.count_attempt(own, failed)
            await own.execute("COMMIT")
        return not failed

    async def _send_for_ever(self) -> None:
        while True:
            try:
                more = await self.send_waiting()
            except Exception:  # noqa: BLE001  an end would leave people in who have signed out
                _log.exception("revocations_not_read")
                more = False
            if not more:
                await asyncio.sleep(_INTERVAL)

    async def _send_all(self, revocations: Sequence[Revocation]) -> list[UUID]:
        """The ids that the core confirmed. One that it refuses does not hold back the others."""
        status = await self._send(revocations)
        if status in _REFUSED and len(revocations) > 1:
            each = [(row.id, await self._send([row])) for row in revocations]
            return [id_ for id_, answered in each if answered in _CONFIRMED]
        return [row.id for row in revocations] if status in _CONFIRMED else []

    async def _send(self, revocations: Sequence[Revocation]) -> int | None:
        """The status that the core answered, if it did. Says when it begins to fail."""
        status = None
        try:
            async with asyncio.timeout(_TIMEOUT):
                response = await self._http.post(
                    _PATH,
                    content=msgspec.json.encode({"revocations": revocations}),
                    headers={
                        "Authorization": f"Bearer {self._token()}",
                        "Content-Type": "application/json",
                    },
                )
            status = response.status_code
            problem = None if status in _CONFIRMED else f"status {status}"
        except Exception as error:  # noqa: BLE001  whatever it was, the rows stay
            problem = type(error).__name__
        if problem is None:
            _log.info("revocations_sent", count=len(revocations))
        elif not self._failing:
            _log.warning("revocations_not_sent", problem=problem, waiting=len(revocations))
        self._failing = problem is not None
        return status
