"""Who calls: every kind of principal, and the tokens by which a run is each of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from shared_lib.tenancy import AccessMode

__all__ = ["MEMBERS", "OUTSIDE", "PROGRAMS", "SUPPORT", "Cast", "Cell", "Principal", "cells_of"]


class Principal(StrEnum):
    """A kind of caller, named as faults and the reference page name it."""

    NOBODY = "nobody"
    PERSON = "a person without organization"
    SUPPORT_AGENT = "support_agent"
    PLATFORM_ADMIN = "platform_admin"
    SERVICE = "the other service"

    OWNER = "owner"
    ADMIN = "admin"
    STANDARD = "standard"
    VIEWER = "viewer"
    CLIENT = "client"

    ADMIN_PROGRAM = "service account (admin)"
    STANDARD_PROGRAM = "service account (standard)"
    VIEWER_PROGRAM = "service account (viewer)"

    SUPPORT_READ = "support, read_only"
    SUPPORT_WRITE = "support, read_write"
    SUPPORT_READ_OWNER = "support as owner, read_only"
    SUPPORT_WRITE_OWNER = "support as owner, read_write"
    SUPPORT_WRITE_VIEWER = "support as viewer, read_write"
    SUPPORT_WRITE_CLIENT = "support as client, read_write"


OUTSIDE = tuple(Principal)[:5]
"""Who acts in no organization."""
MEMBERS = tuple(Principal)[5:10]
PROGRAMS = tuple(Principal)[10:13]
SUPPORT = tuple(Principal)[13:]

Cell: TypeAlias = tuple[Principal, AccessMode | None]
"""Who calls, and what his organization may do now; None for who acts in none."""


def cells_of(mode: AccessMode | None) -> tuple[Cell, ...]:
    """Everybody who acts in an organization that may do `mode`; with None, everybody else."""
    return tuple((each, mode) for each in Principal if (each in OUTSIDE) == (mode is None))


async def _nothing(_: AccessMode) -> None:
    """For a cast whose organizations are as they should be from the start."""


@dataclass(frozen=True)
class Cast:
    """The tokens of a run. A cell without one is not asked; NOBODY's is None.

    `enter` is awaited before the cells of an access mode are asked, for a cast whose three
    organizations are one that changes. `spares` are further tokens, each good for one call of an
    operation that ends what the caller still needs, such as signing out: where such a call would
    be let through it is made with the spare, and not made without one. `hostile` are tokens that
    every operation refuses, by what is wrong with them and with the code that they are refused
    with. `revoked` are tokens that were good until they were revoked.
    """

    tokens: Mapping[Cell, str | None]
    enter: Callable[[AccessMode], Awaitable[None]] = _nothing
    spares: Mapping[tuple[str, Cell], str] = field(default_factory=dict)
    hostile: Mapping[str, str] = field(default_factory=dict)
    revoked: Mapping[Cell, str] = field(default_factory=dict)
