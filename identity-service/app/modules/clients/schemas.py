"""What clients send to authenticate themselves, and what is read about them."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a request says about its client. `basic`: in the Authorization header."""

    client_id: str | None
    secret: str | None = field(repr=False)
    basic: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A service account as it is compared with."""

    id: UUID
    client_id: str
    secret_hash: bytes = field(repr=False)
