"""What the identity service sends about revocations."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from app.core.schemas import Body, Instant


class RevocationKind(StrEnum):
    """What ended."""

    SESSION = "session"
    PERSON = "person"
    MEMBERSHIP = "membership"
    SERVICE_ACCOUNT = "service_account"
    SIGNING_KEY = "signing_key"


_FOR_EVER = (RevocationKind.SESSION, RevocationKind.SIGNING_KEY)
Kid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]


class Revocation(Body):
    """One end. That of a session or key is for good; other tokens are dead when issued until
    `not_before`. The subject of a signing key is its `kid`.
    """

    id: UUID
    kind: RevocationKind
    subject_id: Annotated[UUID | Kid, Field(union_mode="left_to_right")]
    tenant_id: UUID | None = None
    not_before: Instant | None = None
    ended_at: Instant

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Revocation":
        if (self.kind is RevocationKind.SIGNING_KEY) != isinstance(self.subject_id, str):
            raise ValueError("a signing key is named by its kid, everything else by a UUID")
        if (self.kind in _FOR_EVER) != (self.not_before is None):
            raise ValueError("not_before belongs to every kind but session and signing_key")
        if (self.kind is RevocationKind.MEMBERSHIP) != (self.tenant_id is not None):
            raise ValueError("tenant_id belongs to memberships")
        return self


class RevocationsReceive(Body):
    """Revocations in any order; repeating them changes nothing."""

    revocations: Annotated[list[Revocation], Field(min_length=1, max_length=1000)]
