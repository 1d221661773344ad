"""What is sent, shown and read about service accounts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared_lib.web import Body, Name

MOST_SECRETS = 2
"""Secrets of an account that are alive at a time: the old one and the one that replaces it."""

_TEN_YEARS = 3650


class MachineRole(StrEnum):
    """What a service account may do in its organization, as a member of that role may."""

    ADMIN = "admin"
    STANDARD = "standard"
    VIEWER = "viewer"


_Days = Annotated[int, Field(ge=1, le=_TEN_YEARS, strict=True)]


class SecretCreate(Body):
    """A further secret. It lives until it is revoked, or `expires_in_days`."""

    expires_in_days: _Days | None = None


class ServiceAccountCreate(SecretCreate):
    """A new service account and its first secret."""

    name: Name
    role: MachineRole


@dataclass(frozen=True, slots=True)
class ServiceAccountRead:
    """A service account. Its `id` is its OAuth client id. Times are UTC."""

    id: UUID
    name: str
    role: str
    active: bool
    created_by: UUID
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SecretRead:
    """What is shown of a secret. `last_used_at` is right to the minute."""

    id: UUID
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceAccountDetailRead(ServiceAccountRead):
    """A service account with its secrets, the oldest first, revoked ones too."""

    secrets: list[SecretRead]


@dataclass(frozen=True, slots=True)
class SecretCreated:
    """A new secret. Nothing shows `client_secret` again."""

    id: UUID
    client_id: UUID
    client_secret: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceAccountCreated(ServiceAccountRead):
    """A new service account and its first secret, which nothing shows again."""

    secret: SecretCreated


@dataclass(frozen=True, slots=True)
class LockedAccount:
    """An account whose secrets nobody else adds or revokes until the transaction ends."""

    active: bool
    tokens_not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A secret that is alive, as it is compared with."""

    id: UUID
    tenant_id: UUID
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Machine:
    """A service account as its tokens tell of it. Tokens until `tokens_not_before` are dead."""

    id: UUID
    tenant_id: UUID
    role: str
    tokens_not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Used:
    """A secret at the moment of its use, while nobody revokes it."""

    last_used_at: datetime | None
