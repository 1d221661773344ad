"""What each section of `phasezero prove` does, with what the settings give it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

import asyncpg
import httpx

from shared_lib.checks import Check
from shared_lib.cli._prove_settings import ProveSettings
from shared_lib.keys import KeysUndecryptable
from shared_lib.prove import (
    CONNECT_FAILURES,
    InstallationSecrets,
    check_behaviour,
    check_catalogue,
    check_connections,
    check_routes,
    check_routes_unauthenticated,
    read_signing_key,
)

__all__ = ["DATABASES", "Addresses", "Section", "accepted", "take_apart", "take_live_apart"]

DATABASES = ("identity", "product")
_HTTP_SECONDS = 30.0
_SAID = {
    "catalogue": "the catalogue is as the rules and the declarations say",
    "behaviour": "every role reaches its own rows and no other",
    "connections": "a connection carries nothing to the next organization",
    "routes": "every operation answers everybody as the access matrix says",
}
_Work = Callable[[], Awaitable[Sequence[Check]]]


class Section(StrEnum):
    """What can be looked at by itself."""

    CATALOGUE = "catalogue"
    BEHAVIOUR = "behaviour"
    CONNECTIONS = "connections"
    ROUTES = "routes"


@dataclass(frozen=True)
class Addresses:
    """Where the services answer."""

    core: str
    identity: str


async def take_apart(
    settings: ProveSettings, addresses: Addresses, sections: Iterable[Section]
) -> list[Check]:
    """Every check of `sections`. What cannot be looked at is skipped with its reason."""
    checks: list[Check] = []
    for section in sections:
        if section is Section.ROUTES:
            checks += await _guarded("routes", lambda: _routes(settings, addresses))
            continue
        for database in DATABASES:
            checks += await _of_database(settings, section, database)
    return checks


async def take_live_apart(
    settings: ProveSettings, addresses: Addresses, sections: Iterable[Section]
) -> list[Check]:
    """What only reads: the catalogue, and every operation without a token."""
    checks: list[Check] = []
    for section in sections:
        if section is Section.CATALOGUE:
            for database in DATABASES:
                checks += await _of_database(settings, section, database)
            continue
        if section is Section.ROUTES:
            checks += await _guarded("routes", lambda: _unauthenticated(addresses))
        reason = "it writes, or signs people in: not in an installation in use"
        checks.append(Check(section.value, "tried", _SAID[section.value], skipped=reason))
    return checks


def accepted(checks: Iterable[Check], names: Iterable[str]) -> list[Check]:
    """`checks`, where the faults of those in `names` are told and do not count.

    A name is that of a check, or its section's and its own with a dot between.
    """
    known = frozenset(names)
    return [
        replace(check, faults=(), skipped=f"accepted by you: {'; '.join(check.faults)}")
        if check.faults and {check.name, f"{check.section}.{check.name}"} & known
        else check
        for check in checks
    ]


async def _of_database(settings: ProveSettings, section: Section, database: str) -> list[Check]:
    administrator, app = settings.url("migration", database), settings.url("app", database)
    name = f"{section.value}.{database}"
    if section is Section.CATALOGUE:
        url = settings.url("prove", database) or app
        if url is None:
            wanted = (
                f"PROVE_{database.upper()}_DATABASE_URL, of a role that may CONNECT, is not set"
            )
            return [_skipped(name, section, wanted)]
        return await _guarded(name, lambda: check_catalogue(url, database))
    if administrator is None:
        wanted = f"MIGRATION_{database.upper()}_DATABASE_URL, the administrator's, is not set"
        return [_skipped(name, section, wanted)]
    if section is Section.BEHAVIOUR:
        return await _guarded(name, lambda: check_behaviour(administrator, database))
    if app is None:
        return [_skipped(name, section, "the URL of role app is not set")]
    return await _guarded(name, lambda: check_connections(administrator, app, database))


def _skipped(name: str, section: Section, reason: str) -> Check:
    return Check(name, "looked_at", _SAID[section.value], skipped=reason)


async def _guarded(name: str, work: _Work) -> list[Check]:
    """What `work` finds; that it could not look is a fault, for nothing was proved."""
    try:
        return list(await work())
    except (*CONNECT_FAILURES, httpx.HTTPError) as error:
        said = _SAID[name.partition(".")[0]]
        return [Check(name, "reached", said, faults=(f"{type(error).__name__}: {error}",))]


@asynccontextmanager
async def _clients(
    addresses: Addresses,
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with (
        httpx.AsyncClient(base_url=addresses.core, timeout=_HTTP_SECONDS, trust_env=False) as core,
        httpx.AsyncClient(
            base_url=addresses.identity, timeout=_HTTP_SECONDS, trust_env=False
        ) as identity,
    ):
        yield core, identity


async def _routes(settings: ProveSettings, addresses: Addresses) -> Sequence[Check]:
    secrets = await _secrets(settings)
    async with _clients(addresses) as (core, identity):
        return await check_routes(core, identity, secrets)


async def _unauthenticated(addresses: Addresses) -> Sequence[Check]:
    async with _clients(addresses) as (core, identity):
        checks = await check_routes_unauthenticated(core, identity)
    # The matrix says more than what is tried here.
    return [replace(each, says=f"{each.name} opens to nobody without a token") for each in checks]


async def _secrets(settings: ProveSettings) -> InstallationSecrets | None:
    """What wrong tokens are rightly signed with; None where it is not there."""
    dsn, encryption = settings.worker_dsn, settings.identity_encryption_key
    client = settings.core_client_secret
    if dsn is None or encryption is None or client is None:
        return None
    connection = await asyncio.wait_for(asyncpg.connect(dsn), _HTTP_SECONDS)
    try:
        key = await read_signing_key(connection, encryption.get_secret_value())
    except (KeysUndecryptable, LookupError):
        return None
    finally:
        await connection.close()
    return InstallationSecrets(key, client.get_secret_value())
