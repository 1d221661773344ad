"""What the identity service sends about revocations."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from app.core.schemas import Body, Instant


class RevocationKind(StrEnum):
    """What ended."""

    SESSION = "session"
    PERSON = "person"
    MEMBERSHIP = "membership"
    SERVICE_ACCOUNT = "service_account"


class Revocation(Body):
    """One end. A session's is for good; other tokens are dead when issued until `not_before`."""

    id: UUID
    kind: RevocationKind
    subject_id: UUID
    tenant_id: UUID | None = None
    not_before: Instant | None = None
    ended_at: Instant

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Revocation":
        if (self.kind is RevocationKind.SESSION) != (self.not_before is None):
            raise ValueError("not_before belongs to every kind but session")
        if (self.kind is RevocationKind.MEMBERSHIP) != (self.tenant_id is not None):
            raise ValueError("tenant_id belongs to memberships")
        return self


class RevocationsReceive(Body):
    """Revocations in any order; repeating them changes nothing."""

    revocations: Annotated[list[Revocation], Field(min_length=1, max_length=1000)]
