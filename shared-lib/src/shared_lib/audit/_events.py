"""What happened, as the audit trail keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from shared_lib.caller import Caller
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7

# The chain of events that concern no organization. No organization has this id.
PLATFORM = UUID("00000000-0000-0000-0000-000000000001")


class Outcome(StrEnum):
    """`refused`: the caller may not, or asked wrongly. `failed`: we could not."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class AuditEvent:
    """One event. `action` is `<resource>.<verb>`; `code` is the error code of a refusal.

    `changes` maps a column to `[before, after]`. Never in an event: secrets, tokens, codes,
    hashes of passwords. `reason` is the one given for this action; within a support session the
    session's own stands in when there is none. `person_id` is who acts and whom it is about, where
    no token says so: a person whose password or link was right a moment ago.
    """

    action: str
    resource_id: str | None = None
    outcome: Outcome = Outcome.SUCCEEDED
    code: str | None = None
    reason: str | None = None
    changes: Mapping[str, Any] | None = None
    support_session_id: UUID | None = None
    person_id: UUID | None = None

    @property
    def resource(self) -> str:
        """The kind of thing that the event is about."""
        return self.action.partition(".")[0]


class EventWriter(Protocol):
    """Writes events on a connection, as part of the transaction that is open on it."""

    async def write(
        self, connection: asyncpg.Connection, event: AuditEvent, caller: Caller, tenant_id: UUID
    ) -> None:
        """Write `event`, done by `caller` in `tenant_id`."""


def event_values(event: AuditEvent, caller: Caller, tenant_id: UUID) -> dict[str, Any]:
    """The columns of a new event, done by `caller` in `tenant_id`."""
    token = caller.token
    return {
        "tenant_id": tenant_id,
        "id": uuid7(),
        "occurred_at": utc_now(),
        "actor_id": caller.actor_id or event.person_id,
        "actor_role": (token.act.role if token.act else token.role) if token else None,
        "subject_id": token.sub if token else event.person_id,
        "support_session_id": event.support_session_id or caller.support_session_id,
        "action": event.action,
        "resource": event.resource,
        "resource_id": event.resource_id,
        "outcome": event.outcome,
        "code": event.code,
        "reason": event.reason,
        "client_ip": caller.client_ip,
        "user_agent": caller.user_agent,
        "request_id": str(caller.request_id),
        "changes": event.changes,
    }
