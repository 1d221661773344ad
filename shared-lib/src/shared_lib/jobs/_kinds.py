"""What a job is, and what its kind says about doing it: where it waits, how often, how long."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5


class JobFailed(Exception):
    """A handler could not do its work. The message is kept with the job: no secrets in it."""


class JobRefused(JobFailed):
    """The work can never be done: the job is held at once, for another attempt would fail too."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as a worker has claimed it. `attempts` counts this one too.

    `arguments` are ids, instants and numbers; what they stand for is read when the job runs.
    """

    tenant_id: UUID
    id: UUID
    kind: str
    arguments: dict[str, Any]
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """Jobs of one lane never wait for those of another; `slots` of them run at a time."""

    name: str
    slots: int


URGENT = Lane("urgent", 4)
"""What takes away access: never behind a slow mail server."""
NORMAL = Lane("normal", 4)
MAIL = Lane("mail", 4)
"""What anybody may have sent, through a server that may be slow: nothing else waits behind it."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before a job is tried again: doubled each time up to `longest`, with chance."""

    first: float = 1.0
    longest: float = 300.0

    def seconds(self, attempts: int) -> float:
        """The pause after so many attempts, between half of its length and the whole."""
        pause = min(self.longest, self.first * 2.0 ** min(attempts - 1, 30))
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  spreads load; nothing secret


Handler = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """How jobs of one name are done. `handler` takes a `Work` and may run twice for one job.

    `attempts`: None retries for ever; otherwise the job is held for a person after so many.
    `timeout` (seconds) must be shorter than a worker's lease.
    """

    name: str
    handler: Handler
    lane: Lane = NORMAL
    attempts: int | None = 8
    backoff: Backoff = Backoff()
    timeout: float = 20.0


@dataclass(frozen=True, slots=True)
class Every:
    """Recurring work: one job each `interval`, however many workers run; a failed one is dropped,
    because the next one comes.
    """

    name: str
    handler: Handler
    interval: timedelta
    timeout: float = 20.0
    lane: Lane = NORMAL

    @property
    def job_id(self) -> UUID:
        """Always the same, so that at most one of them waits."""
        return uuid5(NAMESPACE_URL, f"urn:phase-zero:recurring:{self.name}")

    @property
    def kind(self) -> JobKind:
        """The kind of its jobs."""
        return JobKind(self.name, self.handler, lane=self.lane, attempts=1, timeout=self.timeout)
