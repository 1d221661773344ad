"""What the commands leave for the workers: jobs, and security events in the trail of the platform.

The names of jobs and their arguments are those of the services; tests of identity and of both
services together see that what is left here arrives.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7

__all__ = [
    "SEND_EVENT",
    "SEND_REVOCATION",
    "TELL_MEMBER",
    "TELL_TENANT",
    "leave_event",
    "leave_jobs",
    "revocation",
]

SEND_REVOCATION = "send_revocation"
SEND_EVENT = "send_security_event"
TELL_MEMBER = "tell_member"
TELL_TENANT = "tell_tenant"

# A job that still waits is as good as a new one: it says what is true when it runs.
_LEAVE = """
INSERT INTO jobs (tenant_id, id, kind, arguments, run_at)
VALUES ($1, $2, $3, $4::text::jsonb, now())
ON CONFLICT (tenant_id, id) DO NOTHING
"""
_RECORD = """
INSERT INTO security_events (tenant_id, id, occurred_at, action, resource, resource_id, outcome,
                             reason, client_ip, user_agent, request_id, changes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', 'phasezero', $9, $10::text::jsonb)
"""

# Organization, id, arguments.
Left = tuple[UUID, UUID, Mapping[str, Any]]


async def leave_jobs(connection: asyncpg.Connection, kind: str, jobs: Iterable[Left]) -> None:
    """Leave jobs of one kind; those whose id waits already are left as they are."""
    rows = [(tenant, id_, kind, json.dumps(arguments)) for tenant, id_, arguments in jobs]
    await connection.executemany(_LEAVE, rows)


async def leave_event(connection: asyncpg.Connection, event: AuditEvent) -> None:
    """Tell the platform's trail what an operator did; part of the transaction that did it."""
    event_id = uuid7()
    await connection.execute(
        _RECORD,
        *(PLATFORM, event_id, utc_now(), event.action, event.resource, event.resource_id),
        *(event.outcome.value, event.reason, str(uuid7())),
        None if event.changes is None else json.dumps(event.changes),
    )
    await leave_jobs(connection, SEND_EVENT, [(PLATFORM, uuid7(), {"event_id": str(event_id)})])


def revocation(
    what: str,
    subject_id: str,
    ended_at: datetime,
    *,
    not_before: datetime | None = None,
    tenant: UUID | None = None,
) -> dict[str, Any]:
    """The arguments of the job that tells the core of one revocation."""
    return {
        "id": str(uuid7()),
        "what": what,
        "subject_id": subject_id,
        "tenant": None if tenant is None else str(tenant),
        "not_before": None if not_before is None else not_before.isoformat(),
        "ended_at": ended_at.isoformat(),
    }
