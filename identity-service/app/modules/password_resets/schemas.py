"""What is sent and read about password resets."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from shared_lib.addresses import EmailAddress
from shared_lib.web import Body


class PasswordResetCreate(Body):
    """Whose password is lost."""

    email: EmailAddress


class PasswordResetComplete(Body):
    """The token of the link that was mailed, and the new password."""

    token: SecretStr
    password: SecretStr


@dataclass(frozen=True, slots=True)
class PasswordResetAccepted:
    """The same for every address, known or not."""

    message: str = "If there is an account with this address, a mail is on its way to it."


@dataclass(frozen=True, slots=True)
class PasswordResetRow:
    """A reset. `person_id` is None until a link is mailed."""

    id: UUID
    email: str
    person_id: UUID | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether its own time is not over. That nothing newer stands is for the database."""
        return self.used_at is None and now < self.expires_at
