"""What clients receive about audit events, and what the identity service sends of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from app.core.schemas import Body, Instant, PlainText, without_nul
from shared_lib.audit import Outcome

_Text = Annotated[str, StringConstraints(max_length=2000), PlainText]
_Action = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$", max_length=100)]


def _without_nul(value: Any) -> Any:
    """`value`, if PostgreSQL can store it as JSON. Raises ValueError."""
    if isinstance(value, str):
        return without_nul(value)
    for part in (*value, *value.values()) if isinstance(value, dict) else value:
        if isinstance(part, str | list | dict):
            _without_nul(part)
    return value


_Changes = Annotated[dict[str, Any], AfterValidator(_without_nul)]


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


class AuditEventReceive(BaseModel):
    """One security event, with the fields of the trail.

    `tenant_id` 00000000-0000-0000-0000-000000000001 stands for no organization.
    """

    model_config = Body.model_config

    tenant_id: UUID
    id: UUID
    occurred_at: Instant
    actor_id: UUID | None = None
    actor_role: _Text | None = None
    subject_id: UUID | None = None
    action: _Action
    resource: _Text
    resource_id: _Text | None = None
    outcome: Outcome
    code: _Text | None = None
    reason: _Text | None = None
    client_ip: _Text
    user_agent: _Text
    request_id: _Text
    changes: _Changes | None = None


class AuditEventsReceive(Body):
    """Events in any order; repeating them changes nothing."""

    events: Annotated[list[AuditEventReceive], Field(min_length=1, max_length=1000)]
