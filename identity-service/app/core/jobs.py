"""The jobs of identity: their queue, and what every handler finds in `work.context`."""

from dataclasses import dataclass

import httpx

from app.core.metrics import RevocationMetrics
from app.core.models import metadata
from app.core.process import Process
from app.core.settings import IdentitySettings
from shared_lib.internal_client import InternalClient
from shared_lib.jobs import JobQueue, Work
from shared_lib.mail import Mailer

__all__ = ["IdentityWork", "WorkerContext", "queue"]

queue = JobQueue(metadata, enqueuers=("auth", "platform"))


@dataclass(frozen=True)
class WorkerContext:
    """One worker process. `internal` tells the core, `mailer` sends mail; `process` signs, and
    holds the pools. `core` reaches the core as anybody does, for the probe.
    """

    process: Process
    internal: InternalClient
    mailer: Mailer
    core: httpx.AsyncClient
    revocations: RevocationMetrics

    @property
    def settings(self) -> IdentitySettings:
        """What the process was started with."""
        return self.process.settings


IdentityWork = Work[WorkerContext]
