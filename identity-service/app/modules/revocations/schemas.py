"""What the core is told about things that ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What ended."""

    SESSION = "session"
    PERSON = "person"
    MEMBERSHIP = "membership"
    SERVICE_ACCOUNT = "service_account"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One thing that ended, as it is sent. Times are UTC.

    A session is revoked for ever; of a person or membership, tokens issued until `not_before`.
    """

    id: UUID
    kind: Kind
    subject_id: UUID
    tenant_id: UUID | None
    not_before: datetime | None
    ended_at: datetime
