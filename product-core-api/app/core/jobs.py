"""The jobs of the core: their queue, and what every handler finds in `work.context`."""

from dataclasses import dataclass

from app.core.models import metadata
from app.core.settings import CoreSettings
from shared_lib.internal_client import InternalClient
from shared_lib.jobs import JobQueue, Work
from shared_lib.mail import Mailer

__all__ = ["CoreWork", "WorkerContext", "queue"]

queue = JobQueue(metadata, enqueuers=("platform", "definer"))


@dataclass(frozen=True)
class WorkerContext:
    """One worker process. `internal` tells the identity service, `mailer` sends mail."""

    settings: CoreSettings
    internal: InternalClient
    mailer: Mailer


CoreWork = Work[WorkerContext]
