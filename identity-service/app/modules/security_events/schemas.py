"""A security event as the core is told it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One event, with the fields of the core's audit trail. `changes`: column to before, after."""

    tenant_id: UUID
    id: UUID
    occurred_at: datetime
    actor_id: UUID | None
    actor_role: str | None
    subject_id: UUID | None
    action: str
    resource: str
    resource_id: str | None
    outcome: str
    code: str | None
    reason: str | None
    client_ip: str
    user_agent: str
    request_id: str
    changes: dict[str, Any] | None
