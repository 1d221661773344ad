"""What the identity service sends about members, and what the core reads of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from app.core.schemas import Body, PlainText

# As long as identity may make them; what it could send and we refused would be sent for ever.
_Text = Annotated[str, StringConstraints(max_length=1000), PlainText]


class MemberRole(StrEnum):
    """The built-in role of a membership."""

    OWNER = "owner"
    ADMIN = "admin"
    STANDARD = "standard"
    VIEWER = "viewer"
    CLIENT = "client"


class MemberReceive(Body):
    """A membership as it is now. `version` grows with each change of it, its name or address."""

    name: _Text
    email: _Text
    role: MemberRole
    active: bool
    version: Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)]


@dataclass(frozen=True, slots=True)
class MemberRead:
    """A member as far as the core has heard."""

    person_id: UUID
    name: str
    email: str
    role: MemberRole
