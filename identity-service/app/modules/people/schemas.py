"""What is sent, read and shown about people."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, SecretStr

from app.modules.memberships.schemas import MembershipRead
from shared_lib.web import Body, Name, Reason, omitted


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may sign in if the password is right."""

    id: UUID
    password_hash: str
    password_changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides which tokens a person gets now.

    No token is issued at or before `tokens_not_before`.
    """

    id: UUID
    active: bool
    verified: bool
    platform_role: str | None
    last_tenant_id: UUID | None
    tokens_not_before: datetime | None
    password_changed_at: datetime | None

    def password_changed_since(self, instant: datetime) -> bool:
        """Whether another password took the place of the one that there was then."""
        return self.password_changed_at is not None and self.password_changed_at >= instant

    def outlives(self, iat: int) -> bool:
        """Whether a token that was issued at `iat` (seconds since 1970) is dead."""
        return self.tokens_not_before is not None and iat <= self.tokens_not_before.timestamp()


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as he sees himself."""

    id: UUID
    email: str
    name: str
    verified: bool
    platform_role: str | None


@dataclass(frozen=True, slots=True)
class MeRead:
    """The person who calls. `tenant_id` and `role` are those of the token that was sent."""

    id: UUID
    email: str
    name: str
    verified: bool
    platform_role: str | None
    tenant_id: UUID | None
    role: str | None
    memberships: list[MembershipRead]


PLATFORM_ADMIN = "platform_admin"
"""The role that administers people, organizations and keys."""

_CONTROL = frozenset({"Cc", "Zl", "Zp"})
_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def _one_line(value: str) -> str:
    """Refuse what mails and lists would show as something else. Raises ValueError."""
    for each in value:
        if unicodedata.category(each) in _CONTROL or unicodedata.bidirectional(each) in _TURNS:
            raise ValueError("must be one line without control characters")
    return value


PersonName = Annotated[Name, AfterValidator(_one_line)]


class MeUpdate(Body):
    """What to change; fields that are not sent stay as they are."""

    name: PersonName = omitted()


class PasswordChange(Body):
    """The password that the caller has, and the one that he wants."""

    current_password: SecretStr
    new_password: SecretStr


class PersonDeactivate(Body):
    """Why the person is shut out; the platform's audit log shows it."""

    reason: Reason


class PersonReactivate(Body):
    """Nothing is asked: an empty object."""


@dataclass(frozen=True, slots=True)
class PersonRead:
    """A person as staff of the platform see him."""

    id: UUID
    email: str
    name: str
    verified: bool
    active: bool
    platform_role: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DeactivatedPerson(PersonRead):
    """A person who was shut out, and the organizations that nobody owns now who can sign in."""

    organizations_without_owner: list[UUID]


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a mail is for."""

    id: UUID
    email: str
    active: bool
