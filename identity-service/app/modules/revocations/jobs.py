"""Tells the core what ended, and measures how soon it refuses whoever lost access."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import httpx
import structlog

from app.core.jobs import IdentityWork
from app.core.process import Process, issued_at
from app.modules.revocations import service
from app.modules.revocations.schemas import Kind
from shared_lib.audit import PLATFORM
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.jobs import JobRefused
from shared_lib.other_service import ask, read_json
from shared_lib.tokens import IDENTITY_AUDIENCE, SignInSession

_PATH = "/internal/revocations"
# Of nobody: an operation of the core that asks for no more than a token that is alive.
_PROBED = "/api/v1/me"
_LIFETIME = 60
_TIMEOUT = 2.0
_PAUSE = 0.1
_REVOKED = (httpx.codes.UNAUTHORIZED, "token_revoked")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Refused:
    detail: str


async def send_revocation(work: IdentityWork) -> None:
    """Send one revocation; telling it twice changes nothing.

    Raises NotDelivered, or JobRefused for one that an organization cannot have asked for: role
    `app` inserts jobs of its own organization, also one that serves an injected statement.
    """
    told = dict(work.job.arguments)
    told["kind"], told["tenant_id"] = told.pop("what"), told.pop("tenant")
    if work.job.tenant_id != PLATFORM and not _is_of(work.job.tenant_id, told):
        raise JobRefused(f"no organization revokes this: {told['kind']}")
    await work.context.internal.post(_PATH, {"revocations": [told]})


def _is_of(tenant_id: UUID, told: Mapping[str, str]) -> bool:
    """Whether it is one of the organization's own things that ended."""
    if told["kind"] == Kind.MEMBERSHIP:
        return told["tenant_id"] == str(tenant_id)
    return told["kind"] == Kind.SERVICE_ACCOUNT


async def probe_revocations(work: IdentityWork) -> None:
    """Measure the bound on revocation: a session of nobody ends, by the way that all take.

    Outcomes: `refused`, within the bound; `timeout`, not within it; `unreachable`: the core did
    not accept the token before, so that a refusal would say nothing.
    """
    settings, metrics = work.context.settings, work.context.revocations
    database = work.context.process.databases.worker
    session_id, token = _nobody(work.context.process)
    accepted, _ = await _ask(work, token)
    if accepted == httpx.codes.OK:
        await _revoke(work, session_id)
        seconds = await _until_refused(work, token, settings.revocation_bound_seconds)
        outcome = "refused" if seconds <= settings.revocation_bound_seconds else "timeout"
        await service.keep_measured(database, seconds)
        metrics.probed(outcome, seconds)
    else:
        outcome = "unreachable"
        metrics.probed(outcome)
        # So that something waits, and its age says for how long nobody could be told.
        if not await service.is_waiting(database):
            await _revoke(work, session_id)
    if outcome != "refused":
        _log.warning("revocation_bound_not_held", outcome=outcome, answered=accepted)
    metrics.exceeded((await service.bound(database, settings))["exceeded_by_seconds"])


def _nobody(process: Process) -> tuple[UUID, str]:
    """A session that there is not, and a good token of it."""
    session_id, now = uuid7(), issued_at()
    claims = process.claims.person(
        sub=uuid7(),
        client_id=IDENTITY_AUDIENCE,
        session=SignInSession(session_id, now, ("pwd",)),
        iat=now,
        lifetime=_LIFETIME,
    )
    return session_id, process.sign(claims)


async def _revoke(work: IdentityWork, session_id: UUID) -> None:
    async with work.service() as tx:
        await service.revoke_session(tx, session_id, utc_now())


async def _until_refused(work: IdentityWork, token: str, most: float) -> float:
    """Seconds until the core refuses the token as revoked; more than `most` when it did not."""
    started = time.monotonic()
    while True:
        answered = await _ask(work, token)
        seconds = time.monotonic() - started
        if answered == _REVOKED or seconds > most:
            return seconds
        await asyncio.sleep(_PAUSE)


async def _ask(work: IdentityWork, token: str) -> tuple[int | None, str]:
    """Status and code that the core answers to the token; no status when it does not answer."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with asyncio.timeout(_TIMEOUT):
            response, body = await ask(work.context.core, "GET", _PROBED, headers=headers)
        code = "" if response.is_success else read_json(body, _Refused).detail
    except (httpx.HTTPError, TimeoutError):
        return None, ""
    return response.status_code, code
