"""What the core tells of its organizations, and what is read of that."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from shared_lib.addresses import EmailAddress
from shared_lib.web import Body, PlainText

_BIGGEST = 2**63 - 1

# No stricter than the core: what it has, is.
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000), PlainText]
Status = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


class TenantReceive(Body):
    """An organization as the core has it. `founder_id` or `first_owner_email` says who came first;
    `id`, if sent, is that of the path.
    """

    id: UUID | None = None
    slug: Text
    name: Text
    status: Status
    version: Annotated[int, Field(ge=1, le=_BIGGEST)]
    founder_id: UUID | None = None
    first_owner_email: EmailAddress | None = None

    @model_validator(mode="after")
    def _one_came_first(self) -> "TenantReceive":
        if self.founder_id is not None and self.first_owner_email is not None:
            raise ValueError("an organization has a founder or an invited owner, not both")
        return self


@dataclass(frozen=True, slots=True)
class TenantRead:
    """An organization as the core told it last."""

    id: UUID
    slug: str
    name: str
    status: str

    @property
    def is_active(self) -> bool:
        """Whether its people may do anything: it is neither suspended nor being deleted."""
        return self.status == "active"
