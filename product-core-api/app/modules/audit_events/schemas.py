"""What clients receive about audit events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared_lib.audit import Outcome


@dataclass(frozen=True, slots=True)
class AuditEventRead:
    """One event. `actor_id` really acted; `subject_id` is who the token spoke for.

    `tenant_id` 00000000-0000-0000-0000-000000000001 stands for the platform itself. `code` is why
    something was refused. `changes` maps a field to its value before and after.
    """

    id: UUID
    tenant_id: UUID
    occurred_at: datetime
    actor_id: UUID | None
    actor_role: str | None
    subject_id: UUID | None
    support_session_id: UUID | None
    action: str
    resource_id: str | None
    outcome: Outcome
    code: str | None
    reason: str | None
    client_ip: str
    request_id: str
    changes: dict[str, Any] | None

    @property
    def created_at(self) -> datetime:
        """What lists are ordered by."""
        return self.occurred_at
