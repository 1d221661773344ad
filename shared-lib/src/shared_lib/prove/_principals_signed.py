"""Tokens that only the installation can make: of its services, and rightly signed wrong ones."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from shared_lib.ids import uuid7
from shared_lib.keys import KeyCipher, KeyState, Schedule, SigningKeyStore
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    AccessTokenClaims,
    Claims,
    SigningKey,
    compact,
    internal_audience,
    sign,
)

__all__ = ["InstallationSecrets", "hostile_tokens", "read_signing_key", "service_tokens"]

_CORE_CLIENT, _IDENTITY_CLIENT = "product-core-api", "identity-service"
_CLIENTS = {CORE_AUDIENCE: _IDENTITY_CLIENT, IDENTITY_AUDIENCE: _CORE_CLIENT}
_SCHEDULE = Schedule(max_age=1, margin=1, longest_token=1, period=1)  # nothing is turned
_HOUR = 3600


@dataclass(frozen=True)
class InstallationSecrets:
    """The current signing key, and the secret by which the core is a client of identity."""

    signing_key: SigningKey = field(repr=False)
    core_client_secret: str = field(repr=False)


async def read_signing_key(connection: asyncpg.Connection, encryption_key: str) -> SigningKey:
    """The key that identity signs with now, read as its role `worker`.

    Raises KeysUndecryptable, LookupError where there is none.
    """
    store = SigningKeyStore(KeyCipher.from_setting(encryption_key), _SCHEDULE)
    for record in await store.load(connection):
        if record.state is KeyState.CURRENT:
            return store.cipher.open(record)
    raise LookupError("identity has no signing key")


async def service_tokens(
    identity: httpx.AsyncClient, secrets: InstallationSecrets, issuer: str
) -> dict[str, str]:
    """By service, the token by which the other one calls it: the core's as it gets it itself, that
    of identity signed as identity signs it. Raises httpx.HTTPStatusError.
    """
    response = await identity.post(
        "/token",
        data={
            "grant_type": "client_credentials",
            "audience": internal_audience(IDENTITY_AUDIENCE),
        },
        auth=(_CORE_CLIENT, secrets.core_client_secret),
    )
    response.raise_for_status()
    claims = AccessTokenClaims(issuer).service(
        sub=uuid7(), client_id=_IDENTITY_CLIENT, audience=CORE_AUDIENCE, iat=int(time.time())
    )
    return {
        CORE_AUDIENCE: sign(claims, secrets.signing_key),
        IDENTITY_AUDIENCE: response.json()["access_token"],
    }


def hostile_tokens(
    secrets: InstallationSecrets, issuer: str, owner: Claims, now: int
) -> dict[str, str]:
    """By what is wrong with it: tokens of an owner and of both services that nothing accepts.

    `owner` are good claims of his; `now` is in seconds since 1970.
    """
    services = {
        f"the service that calls {audience}": AccessTokenClaims(issuer).service(
            sub=uuid7(), client_id=client, audience=audience, iat=now
        )
        for client, audience in (
            (_IDENTITY_CLIENT, CORE_AUDIENCE),
            (_CORE_CLIENT, IDENTITY_AUDIENCE),
        )
    }
    wrong: dict[str, Mapping[str, Any]] = {
        "an expired token": {"iat": now - 2 * _HOUR, "exp": now - _HOUR},
        "a token for another audience": {"aud": ["somebody-else"]},
        "a token of another issuer": {"iss": f"{issuer}/other"},
    }
    header = {"typ": "at+jwt", "alg": "RS256", "kid": secrets.signing_key.kid}
    return {
        f"{who}, with {what}": compact(header, {**claims, **changed}, secrets.signing_key)
        for who, claims in {"owner": owner, **services}.items()
        for what, changed in wrong.items()
    }
