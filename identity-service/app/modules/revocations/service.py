"""The rules of revocations: what ended is a job for the core, in the transaction that ended it.

How soon the core refuses whoever lost access has a bound, which is measured.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.core.jobs import queue
from app.core.settings import IdentitySettings
from app.modules.revocations.schemas import Kind
from shared_lib.audit import PLATFORM
from shared_lib.ids import uuid7
from shared_lib.jobs import measure, measurements
from shared_lib.tenancy import Database, Tx

__all__ = [
    "SEND",
    "bound",
    "is_waiting",
    "keep_measured",
    "revoke_membership",
    "revoke_person",
    "revoke_service_account",
    "revoke_session",
    "revoke_signing_key",
]

SEND = "send_revocation"
"""The kind of the job that tells the core what ended."""

_SECONDS = "revocation_seconds"
_LATE = 3  # measurements that may be missing before nobody counts as measuring


async def revoke_session(tx: Tx, session_id: UUID, ended_at: datetime) -> None:
    """Tell the core, once `tx` has committed, that a sign-in session has ended for ever."""
    await _send(tx, Kind.SESSION, str(session_id), ended_at)


async def revoke_person(tx: Tx, person_id: UUID, not_before: datetime) -> None:
    """Tell the core that a person's tokens issued until `not_before` are dead."""
    await _send(tx, Kind.PERSON, str(person_id), not_before, not_before=not_before)


async def revoke_membership(tx: Tx, tenant_id: UUID, person_id: UUID, not_before: datetime) -> None:
    """Tell the core that a person's tokens for one organization, until `not_before`, are dead."""
    await _send(
        tx, Kind.MEMBERSHIP, str(person_id), not_before, not_before=not_before, tenant_id=tenant_id
    )


async def revoke_service_account(
    tx: Tx, tenant_id: UUID, account_id: UUID, not_before: datetime
) -> None:
    """Tell the core that an account's tokens issued until `not_before` are dead."""
    await _send(
        tx,
        Kind.SERVICE_ACCOUNT,
        str(account_id),
        not_before,
        not_before=not_before,
        job_tenant_id=tenant_id,
    )


async def revoke_signing_key(tx: Tx, kid: str, ended_at: datetime) -> None:
    """Tell the core that no signature of a key counts any longer."""
    await _send(tx, Kind.SIGNING_KEY, kid, ended_at)


async def keep_measured(database: Database, seconds: float) -> None:
    """Remember how long it took, from COMMIT here to the refusal there."""
    async with database.connection() as connection:
        await measure(connection, queue.measurements, _SECONDS, seconds)


async def is_waiting(database: Database) -> bool:
    """Whether the core has not confirmed some revocation."""
    async with database.connection() as connection:
        states = await queue.states(connection)
    return any(state.waiting for state in states if state.kind == SEND)


async def bound(database: Database, settings: IdentitySettings) -> dict[str, Any]:
    """Whether the bound on revocation holds, for `/health/ready`; all figures are in seconds.

    `exceeded_by_seconds` counts what was measured last and what has waited for the core longest.
    `degraded` when it is exceeded, or when nobody has measured lately.
    """
    async with database.connection() as connection:
        states = await queue.states(connection)
        measured = (await measurements(connection, queue.measurements)).get(_SECONDS)
    longest = max((state.oldest_seconds for state in states if state.kind == SEND), default=0.0)
    stale = _LATE * settings.revocation_probe_seconds + settings.revocation_bound_seconds
    if measured is not None:
        longest = max(longest, measured.value)
    exceeded = max(0.0, longest - settings.revocation_bound_seconds)
    fine = exceeded == 0 and measured is not None and measured.age < stale
    return {
        "status": "ok" if fine else "degraded",
        "bound_seconds": settings.revocation_bound_seconds,
        "measured_seconds": None if measured is None else round(measured.value, 3),
        "measured_seconds_ago": None if measured is None else round(measured.age, 1),
        "exceeded_by_seconds": round(exceeded, 1),
    }


async def _send(
    tx: Tx,
    kind: Kind,
    subject_id: str,
    ended_at: datetime,
    *,
    not_before: datetime | None = None,
    tenant_id: UUID | None = None,
    job_tenant_id: UUID | None = None,
) -> None:
    await queue.enqueue(
        tx,
        SEND,
        tenant_id=job_tenant_id or tenant_id or PLATFORM,
        id=str(uuid7()),
        what=kind.value,
        subject_id=subject_id,
        tenant=None if tenant_id is None else str(tenant_id),
        not_before=None if not_before is None else _rfc_3339(not_before),
        ended_at=_rfc_3339(ended_at),
    )


def _rfc_3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
