"""What clients send to authenticate themselves, and what is known about them."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.modules.service_accounts.schemas import Machine


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a request says about its client. `basic`: in the Authorization header."""

    client_id: str | None
    secret: str | None = field(repr=False)
    basic: bool


@dataclass(frozen=True, slots=True)
class TrustedClientRow:
    """One of our own services as it is compared with."""

    id: UUID
    client_id: str
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """A client whose secret was good at `authenticated_at`.

    `machine` is the service account of an organization; None for one of our own services.
    """

    id: UUID
    client_id: str
    authenticated_at: datetime
    machine: Machine | None = None
