"""What a hostile token is, what a hostile transport is, and where each must be refused."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from shared_lib.testing.forgery import Forger
from shared_lib.tokens import CORE_AUDIENCE, IDENTITY_AUDIENCE

__all__ = [
    "EVERYWHERE",
    "INTERNALS",
    "PLAIN",
    "GoodToken",
    "GoodTransport",
    "HostileToken",
    "HostileTransport",
    "Make",
    "Place",
    "Sent",
    "group",
]

Make: TypeAlias = Callable[[Forger], str]


class Place(StrEnum):
    """Where a token is shown: to the operations of a service, or to its internal ones."""

    CORE = "core"
    IDENTITY = "identity"
    CORE_INTERNAL = "core/internal"
    IDENTITY_INTERNAL = "identity/internal"

    @property
    def audience(self) -> str:
        """The plain audience of the service."""
        return CORE_AUDIENCE if self in (Place.CORE, Place.CORE_INTERNAL) else IDENTITY_AUDIENCE

    @property
    def internal(self) -> bool:
        """Whether the other service calls here, and nobody else."""
        return self in INTERNALS


PLAIN = frozenset({Place.CORE, Place.IDENTITY})
INTERNALS = frozenset({Place.CORE_INTERNAL, Place.IDENTITY_INTERNAL})
EVERYWHERE = PLAIN | INTERNALS


@dataclass(frozen=True)
class HostileToken:
    """One token that must be refused with 401 `invalid_token`.

    `clause` is what demands it. `reason` stands in the cause of the refusal at its main place. HTTP
    does not carry it as it is unless `travels`.
    """

    name: str
    group: str
    clause: str
    reason: str
    make: Make
    places: frozenset[Place] = EVERYWHERE
    travels: bool = True

    @property
    def main_place(self) -> Place:
        """Where `reason` is why."""
        return Place.CORE if Place.CORE in self.places else min(self.places)


@dataclass(frozen=True)
class GoodToken:
    """One token that must be accepted, so that refusing everything is no defence."""

    name: str
    make: Make
    places: frozenset[Place] = PLAIN


@dataclass(frozen=True)
class Sent:
    """What of a request may carry a token. Names and values of headers are bytes as sent."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    query: bytes = b""
    body: bytes = b""


@dataclass(frozen=True)
class HostileTransport:
    """One way to send a good token that must be refused with 401 and `code`."""

    name: str
    group: str
    clause: str
    code: str
    send: Callable[[str], Sent]


@dataclass(frozen=True)
class GoodTransport:
    """One way to send a good token that must be accepted."""

    name: str
    send: Callable[[str], Sent]


def group(
    name: str,
    clause: str,
    *vectors: tuple[str, str, Make],
    places: frozenset[Place] = EVERYWHERE,
    travels: bool = True,
) -> tuple[HostileToken, ...]:
    """Tokens of one group and one clause, each given as (name, reason, how it is made)."""
    return tuple(
        HostileToken(each, name, clause, reason, make, places, travels)
        for each, reason, make in vectors
    )
