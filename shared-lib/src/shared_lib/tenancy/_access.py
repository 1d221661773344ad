"""What an operation declares about who may call it and what its transaction may do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Scope(StrEnum):
    """Which rows the transaction of an operation can see."""

    PUBLIC = "public"
    USER = "user"
    ORGANIZATION = "organization"
    PLATFORM = "platform"
    SERVICE = "service"


class AccessMode(StrEnum):
    """What the people of an organization may do now."""

    ACTIVE = "active"
    READ_ONLY = "read_only"
    BLOCKED = "blocked"


READ_MODES = frozenset({AccessMode.ACTIVE, AccessMode.READ_ONLY})
WRITE_MODES = frozenset({AccessMode.ACTIVE})
ANY_MODE = frozenset(AccessMode)

Transactional = Literal["request", "own", "none"]


@dataclass(frozen=True)
class Access:
    """One declaration of access; the guard enforces it, admission enforces it again.

    `roles`: who passes; None is every principal of the scope. `writes` and `modes`: None follows
    the HTTP method (GET and HEAD read in active and read_only organizations, others write in
    active ones). `owner_modes`: those in which it works for owners; None is `modes`. `support`:
    whether a token with `act` may pass. `programs`: whether a service account may. `people`:
    whether only people pass who signed in themselves and are no staff of the platform. `audited`:
    each call is recorded even when nobody from the platform is involved. `tenant_parameter`: the
    parameter of path or query that names the organization in whose log the platform's calls are
    told of; without one they are told of in the platform's own.
    `oauth`: refusals of any kind are answered as RFC 6749 section 5.2 wants them.
    `transactions`: `request` is one for the whole call; `own` lets the handler open several, for
    operations that must call another service with none open; `none` never touches the database.
    """

    scope: Scope
    permission: str | None = None
    roles: frozenset[str] | None = None
    writes: bool | None = None
    modes: frozenset[AccessMode] | None = None
    owner_modes: frozenset[AccessMode] | None = None
    support: bool = True
    programs: bool = True
    people: bool = False
    audited: bool = False
    tenant_parameter: str | None = None
    oauth: bool = False
    transactions: Transactional = "request"


@dataclass(frozen=True)
class Idempotent:
    """What becomes of a request that is sent again under the same Idempotency-Key.

    Without `keeps` its whole answer is kept and given again. `keeps` is for answers that hold a
    credential, and for operations with transactions of their own: only that member of the answer
    is kept, an id. `reason` says why nothing is: the operation takes no key.
    """

    keeps: str | None = None
    reason: str = ""

    async def __call__(self) -> None:
        """Used as a dependency, it only stands there to be read."""
