"""The jobs of the core: their queue, and what every handler finds in `work.context`."""

from dataclasses import dataclass

from app.core.models import metadata
from app.core.settings import CoreSettings
from shared_lib.internal_client import InternalClient
from shared_lib.jobs import JobQueue, Work

__all__ = ["CoreWork", "WorkerContext", "queue"]

queue = JobQueue(metadata, enqueuers=("platform", "definer"))


@dataclass(frozen=True)
class WorkerContext:
    """One worker process. `internal` tells the identity service."""

    settings: CoreSettings
    internal: InternalClient


CoreWork = Work[WorkerContext]
