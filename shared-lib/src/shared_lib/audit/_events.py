"""What happened, as the audit trail keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

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
    session's own stands in when there is none.
    """

    action: str
    resource_id: str | None = None
    outcome: Outcome = Outcome.SUCCEEDED
    code: str | None = None
    reason: str | None = None
    changes: Mapping[str, Any] | None = None
    support_session_id: UUID | None = None

    @property
    def resource(self) -> str:
        """The kind of thing that the event is about."""
        return self.action.partition(".")[0]
