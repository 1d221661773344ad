"""Jobs: work that a transaction promises and a worker process does, and what is known of both."""

from shared_lib.jobs._health import worker_details
from shared_lib.jobs._kinds import (
    MAIL,
    NORMAL,
    URGENT,
    Backoff,
    Every,
    Job,
    JobFailed,
    JobKind,
    JobRefused,
    Lane,
)
from shared_lib.jobs._measurements import Measurement, measure, measurements
from shared_lib.jobs._metrics import WorkerMetrics
from shared_lib.jobs._process import run_worker
from shared_lib.jobs._queue import JobQueue, KindState
from shared_lib.jobs._work import TenantMissing, Work
from shared_lib.jobs._worker import Worker

__all__ = [
    "MAIL",
    "NORMAL",
    "URGENT",
    "Backoff",
    "Every",
    "Job",
    "JobFailed",
    "JobKind",
    "JobQueue",
    "JobRefused",
    "KindState",
    "Lane",
    "Measurement",
    "TenantMissing",
    "Work",
    "Worker",
    "WorkerMetrics",
    "measure",
    "measurements",
    "run_worker",
    "worker_details",
]
