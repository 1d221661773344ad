"""`python -m app.worker`: the worker of identity, and every kind of job that it does."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx

from app.core.database import Databases
from app.core.jobs import WorkerContext, queue
from app.core.metrics import RevocationMetrics
from app.core.models import kept_answers
from app.core.process import Process
from app.core.settings import IdentitySettings
from app.modules.invitations.jobs import delete_old_invitations, send_invitation
from app.modules.invitations.service import SEND as SEND_INVITATION
from app.modules.keys.jobs import turn_keys
from app.modules.memberships.jobs import tell_member, tell_person
from app.modules.memberships.service import TELL as TELL_MEMBER
from app.modules.memberships.service import TELL_PERSON
from app.modules.models import DATABASE, metadata
from app.modules.password_resets.jobs import delete_old_password_resets, send_password_reset
from app.modules.password_resets.service import SEND as SEND_PASSWORD_RESET
from app.modules.people.jobs import send_password_changed
from app.modules.people.passwords import SEND_CHANGED as SEND_PASSWORD_CHANGED
from app.modules.revocations.jobs import probe_revocations, send_revocation
from app.modules.revocations.service import SEND as SEND_REVOCATION
from app.modules.security_events.jobs import send_security_event
from app.modules.security_events.service import SEND as SEND_SECURITY_EVENT
from app.modules.security_events.service import SecurityEvents
from app.modules.sessions.ending import SEND_THEFT
from app.modules.sessions.jobs import delete_old_sessions, send_session_theft
from app.modules.sign_ups.jobs import delete_old_sign_ups, send_sign_up
from app.modules.sign_ups.service import SEND as SEND_SIGN_UP
from shared_lib.internal_client import InternalClient
from shared_lib.jobs import MAIL, URGENT, Backoff, Every, JobKind, Worker, WorkerMetrics, run_worker
from shared_lib.logging import configure_logging
from shared_lib.mail import mail_kind, make_mailer
from shared_lib.settings import SettingsError
from shared_lib.tenancy import check_database, wait_for_database

_PATIENT = Backoff(longest=900)
KINDS: tuple[JobKind, ...] = (
    # For ever, and never long apart: people who lost access are still inside.
    JobKind(
        SEND_REVOCATION,
        send_revocation,
        lane=URGENT,
        attempts=None,
        backoff=Backoff(first=0.5, longest=2),
    ),
    JobKind(TELL_MEMBER, tell_member, attempts=None, backoff=Backoff(first=0.5, longest=60)),
    JobKind(TELL_PERSON, tell_person, attempts=None, backoff=Backoff(first=0.5, longest=60)),
    mail_kind(SEND_INVITATION, send_invitation),
    JobKind(SEND_SECURITY_EVENT, send_security_event, attempts=None, backoff=Backoff(longest=60)),
    # Links for as long as they are worth something, warnings for a day.
    JobKind(SEND_SIGN_UP, send_sign_up, lane=MAIL, attempts=100, backoff=_PATIENT),
    JobKind(SEND_PASSWORD_RESET, send_password_reset, lane=MAIL, attempts=20),
    JobKind(
        SEND_PASSWORD_CHANGED, send_password_changed, lane=MAIL, attempts=100, backoff=_PATIENT
    ),
    JobKind(SEND_THEFT, send_session_theft, lane=MAIL, attempts=100, backoff=_PATIENT),
)
_HOUR = timedelta(hours=1)
RECURRING: tuple[Every, ...] = (
    Every("delete_old_sessions", delete_old_sessions, _HOUR),
    Every("delete_old_invitations", delete_old_invitations, _HOUR),
    Every("delete_old_sign_ups", delete_old_sign_ups, _HOUR),
    Every("delete_old_password_resets", delete_old_password_resets, _HOUR),
    Every("delete_idempotency_keys", kept_answers.forget_old, _HOUR),
)


def recurring_of(settings: IdentitySettings) -> tuple[Every, ...]:
    """Recurring work whose pace is a setting."""
    # Often enough for schedules of tests; each look is one statement.
    pace = timedelta(seconds=min(60.0, settings.schedule.margin / 4))
    return (
        *RECURRING,
        Every("turn_keys", turn_keys, pace),
        Every(
            "probe_revocations",
            probe_revocations,
            timedelta(seconds=settings.revocation_probe_seconds),
            lane=URGENT,  # it waits for nothing but what it measures
        ),
    )


@asynccontextmanager
async def worker_of(settings: IdentitySettings) -> AsyncIterator[Worker[WorkerContext]]:
    """A worker that has all it needs. Raises UnsafeToStart, or KeysUndecryptable."""
    process = Process.of(settings)
    metrics = WorkerMetrics()
    async with AsyncExitStack() as closing:
        closing.push_async_callback(process.databases.aclose)
        closing.callback(process.passwords.close)
        closing.push_async_callback(process.limiter.aclose)
        await check_database(
            process.databases.all(),
            metadata,
            DATABASE,
            require_patched=settings.require_patched_postgres,
        )
        await wait_for_database(process.keyring.start)
        closing.push_async_callback(process.keyring.aclose)
        http = await closing.enter_async_context(
            httpx.AsyncClient(base_url=settings.core_url, trust_env=False)
        )
        context = WorkerContext(
            process,
            InternalClient(http, process.internal_token),
            make_mailer(settings),
            http,
            RevocationMetrics(metrics.registry),
        )
        if settings.metrics_port is not None:
            metrics.serve(settings.metrics_host, settings.metrics_port)
        yield Worker(
            queue,
            process.databases.runtime(SecurityEvents()),
            context,
            kinds=KINDS,
            recurring=recurring_of(settings),
            metrics=metrics,
        )


def _settings() -> IdentitySettings:
    try:
        return IdentitySettings.from_environment()
    except SettingsError as error:
        sys.exit(str(error))


@asynccontextmanager
async def _worker() -> AsyncIterator[Worker[WorkerContext]]:
    settings = _settings()
    configure_logging("identity-worker", settings.log_level)
    async with worker_of(settings) as worker:
        yield worker


if __name__ == "__main__":
    run_worker(_worker, lambda: (Databases.of(_settings()).worker, queue))
