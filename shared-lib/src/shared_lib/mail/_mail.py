"""What a mail is, who sends it, and what may come of that."""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID


class MailError(Exception):
    """A mail was not sent. The text says why and holds no address: it is stored and logged."""


class MailRefused(MailError):
    """The mail is refused for good: whoever tries again is refused again."""


class AddressRefused(MailRefused):
    """Nobody receives mail at the address: it was mistyped, or has been closed."""


class MailNotSent(MailError):
    """The mail could not be handed over now; later it may be."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person, in both forms. Sent again, it has the same `id`.

    `to` is an address without a name. Raises ValueError for a subject of more than one line.
    """

    id: UUID
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.subject.isprintable():
            raise ValueError("a subject is one line of printable text")


class Mailer(Protocol):
    """Hands mails over to somebody who delivers them."""

    async def send(self, mail: Mail) -> None:
        """Hand over `mail`. Raises MailRefused (do not repeat) or MailNotSent (do).

        Whoever repeats a mail that did arrive sends it twice, with one Message-ID.
        """
