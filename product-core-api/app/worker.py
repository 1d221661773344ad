"""`python -m app.worker`: the worker of the core, and every kind of job that it does."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx

from app.core.access import PLATFORM_ROLES, admission
from app.core.database import databases_of
from app.core.identity import client_credentials
from app.core.jobs import WorkerContext, queue
from app.core.models import DATABASE, kept_answers
from app.core.settings import CoreSettings
from app.modules.audit_events.models import events
from app.modules.models import metadata
from app.modules.organizations.jobs import tell_tenant
from app.modules.organizations.service import TELL as TELL_TENANT
from app.modules.support_sessions.jobs import (
    MAIL_RECEIPT,
    MAIL_STARTED,
    end_expired_support_sessions,
    mail_support_receipt,
    mail_support_started,
    send_support_receipt,
    send_support_started,
)
from app.modules.support_sessions.service import SEND_RECEIPT, SEND_STARTED
from shared_lib.internal_client import InternalClient
from shared_lib.jobs import URGENT, Backoff, Every, JobKind, Worker, WorkerMetrics, run_worker
from shared_lib.logging import configure_logging
from shared_lib.mail import mail_kind, make_mailer
from shared_lib.settings import SettingsError
from shared_lib.tenancy import Runtime, Scope, check_database

KINDS: tuple[JobKind, ...] = (
    # For ever, and soon: founders wait to get in, and suspended people may be in at identity.
    JobKind(
        TELL_TENANT,
        tell_tenant,
        lane=URGENT,
        attempts=None,
        backoff=Backoff(first=0.5, longest=30),
    ),
    JobKind(SEND_STARTED, send_support_started, attempts=None),
    JobKind(SEND_RECEIPT, send_support_receipt, attempts=None),
    mail_kind(MAIL_STARTED, mail_support_started),
    mail_kind(MAIL_RECEIPT, mail_support_receipt),
)
RECURRING: tuple[Every, ...] = (
    Every("end_expired_support_sessions", end_expired_support_sessions, timedelta(seconds=30)),
    Every("delete_idempotency_keys", kept_answers.forget_old, timedelta(hours=1)),
)


@asynccontextmanager
async def worker_of(settings: CoreSettings) -> AsyncIterator[Worker[WorkerContext]]:
    """A worker that has all it needs. Raises UnsafeToStart."""
    databases = databases_of(settings)
    metrics = WorkerMetrics()
    async with AsyncExitStack() as closing:
        for pool in dict.fromkeys(databases.values()):
            closing.push_async_callback(pool.aclose)
        await check_database(
            dict.fromkeys(databases.values()),
            metadata,
            DATABASE,
            require_patched=settings.require_patched_postgres,
        )
        http = await closing.enter_async_context(
            httpx.AsyncClient(base_url=settings.identity_url, trust_env=False)
        )
        token = client_credentials(http, settings)
        internal = InternalClient(http, token, refused=token.forget)
        context = WorkerContext(settings, internal, make_mailer(settings))
        if settings.metrics_port is not None:
            metrics.serve(settings.metrics_host, settings.metrics_port)
        yield Worker(
            queue,
            Runtime(databases, admission, events, PLATFORM_ROLES, kept_answers),
            context,
            kinds=KINDS,
            recurring=RECURRING,
            metrics=metrics,
        )


def _settings() -> CoreSettings:
    try:
        return CoreSettings.from_environment()
    except SettingsError as error:
        sys.exit(str(error))


@asynccontextmanager
async def _worker() -> AsyncIterator[Worker[WorkerContext]]:
    settings = _settings()
    configure_logging("core-worker", settings.log_level)
    async with worker_of(settings) as worker:
        yield worker


if __name__ == "__main__":
    run_worker(_worker, lambda: (databases_of(_settings())[Scope.SERVICE], queue))
