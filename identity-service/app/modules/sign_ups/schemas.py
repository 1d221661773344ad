"""What is sent and read about sign-ups."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from app.modules.people.schemas import PersonName
from shared_lib.addresses import EmailAddress
from shared_lib.web import Body, omitted


class SignUpCreate(Body):
    """Who wants an account."""

    email: EmailAddress
    name: PersonName = omitted()


class SignUpComplete(Body):
    """The token of the link that was mailed, and what the account is made with.

    `name` may be left out when it was given at the beginning.
    """

    token: SecretStr
    name: PersonName = omitted()
    password: SecretStr


@dataclass(frozen=True, slots=True)
class SignUpAccepted:
    """The same for every address, known or not."""

    message: str = "If the address can be used, a mail is on its way to it."


@dataclass(frozen=True, slots=True)
class SignedUpRead:
    """The person that a sign-up became."""

    id: UUID
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class SignUpRow:
    """A sign-up."""

    id: UUID
    email: str
    name: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether it may still become a person."""
        return self.used_at is None and now < self.expires_at
