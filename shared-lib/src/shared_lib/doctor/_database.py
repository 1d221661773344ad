"""The databases, as the services' own roles see them, and the ages of the signing keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt
from shared_lib.doctor._examination import examination
from shared_lib.doctor._issuing import issued
from shared_lib.doctor._keys import jwks
from shared_lib.keys import KeyState
from shared_lib.tables import PATCHED_MINORS, ServerState, role_faults, server_state

_SECTION = "database"
_KEYS_ROLE = "identity_worker"
_MAY_SET = "_worker"  # the one kind of role that may call set_config
_TIMEOUT = 10
_GRACE = timedelta(days=1)  # keys turn within minutes of being due
_NO_URL = "no URL of a database was given"
_KEYS = "SELECT kid, state, published_at, activated_at FROM signing_keys"


@dataclass(frozen=True, slots=True)
class _Role:
    """What a role's own connection says."""

    name: str
    faults: tuple[str, ...]
    server: ServerState


@examination(_SECTION, "every role of the services can connect", "docs/how-to/operate.md")
async def reachable(deployment: Deployment) -> list[str]:
    _, refused = await _roles(deployment)
    return [f"{name} cannot: {reason}" for name, reason in refused.items()]


@examination(
    _SECTION,
    "no role of theirs owns anything, or gets around row level security",
    "PostgreSQL: Row Security Policies, ASVS 13.2.2, 8.4.1",
)
async def roles(deployment: Deployment) -> list[str]:
    return [fault for role in await _connected(deployment) for fault in role.faults]


@examination(
    _SECTION,
    "the server has no known way around row level security",
    "CVE-2026-120154, ASVS 15.2.1",
)
async def server_version(deployment: Deployment) -> list[str]:
    old = {role.server.version for role in await _connected(deployment) if not role.server.patched}
    patched = ", ".join(f"{major}.{minor}" for major, minor in sorted(PATCHED_MINORS.items()))
    return [f"PostgreSQL {version} leaks rows: {patched} do not" for version in sorted(old)]


@examination(
    _SECTION,
    "statements of requests cannot switch the organization (set_config)",
    "docs/explanation/request-path.md, ASVS 8.4.1",
)
async def set_config(deployment: Deployment) -> list[str]:
    return [
        f"{role.name} may call set_config: an injected statement could switch the organization"
        for role in await _connected(deployment)
        if role.server.set_config and not role.name.endswith(_MAY_SET)
    ]


@examination(
    _SECTION, "the signing key is followed in time, by one that is published", "ASVS 13.3.4"
)
async def key_ages(deployment: Deployment) -> list[str]:
    keys = await _signing_keys(deployment)
    by_state = {key["state"]: key for key in keys}
    current, days = by_state.get("current"), deployment.target.rotation_days
    faults = []
    if current is None:
        faults.append("no key signs")
    else:
        since = _instant(current["activated_at"] or current["published_at"])
        age = datetime.now(UTC) - since
        if age > timedelta(days=days) + _GRACE:
            faults.append(
                f"key {current['kid']} has signed for {age.days} days, {days:g} are set:"
                " does identity's worker run?"
            )
    if "next" not in by_state:
        faults.append("no next key is prepared")
    return faults


@examination(
    _SECTION, "the keys that are published are those that may be", "RFC 7517 §5, ASVS 9.1.3"
)
async def published_keys(deployment: Deployment) -> list[str]:
    keys = await _signing_keys(deployment)
    published = {str(key.get("kid")) for key in await jwks(deployment)}
    wanted = {key["kid"] for key in keys if KeyState(key["state"]).is_published}
    dead = {key["kid"]: key["state"] for key in keys if key["kid"] not in wanted}
    faults = [f"key {kid} should be published and is not" for kid in sorted(wanted - published)]
    return faults + [
        f"key {kid} is published and is {dead.get(kid, 'unknown to identity')}"
        for kid in sorted(published - wanted)
    ]


EXAMINATIONS = (reachable, roles, server_version, set_config, key_ages, published_keys)


async def _connected(deployment: Deployment) -> list[_Role]:
    roles, refused = await _roles(deployment)
    if not roles:
        raise NotLookedAt(f"no database can be reached ({', '.join(refused)})")
    return roles


async def _roles(deployment: Deployment) -> tuple[list[_Role], dict[str, str]]:
    """The roles that could connect, and for the others the reason. Raises NotLookedAt."""

    async def make() -> tuple[list[_Role], dict[str, str]]:
        found, refused = [], {}
        for name, dsn in deployment.target.databases.items():
            try:
                found.append(await _ask(name, dsn))
            except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
                refused[name] = f"{type(error).__name__}: {error}"
        return found, refused

    if not deployment.target.databases:
        raise NotLookedAt(_NO_URL)
    return await deployment.once("roles", make)


async def _ask(name: str, dsn: str) -> _Role:
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT)
    try:
        faults = await role_faults(connection)
        return _Role(name, tuple(faults), await server_state(connection))
    finally:
        await connection.close()


async def _signing_keys(deployment: Deployment) -> list[Mapping[str, Any]]:
    """Every signing key, from the database, else as a platform admin. Raises NotLookedAt."""

    async def make() -> list[Mapping[str, Any]]:
        dsn = deployment.target.databases.get(_KEYS_ROLE)
        if dsn is None:
            return await _shown_to_an_admin(deployment)
        connection = await asyncpg.connect(dsn, timeout=_TIMEOUT)
        try:
            return list(await connection.fetch(_KEYS))
        finally:
            await connection.close()

    return await deployment.once("signing_keys", make)


async def _shown_to_an_admin(deployment: Deployment) -> list[Mapping[str, Any]]:
    neither = f"neither the URL of {_KEYS_ROLE} nor a platform admin was given"
    if deployment.target.person is None:
        raise NotLookedAt(neither)
    token = await issued(deployment)
    if token.claims.get("role") != "platform_admin":
        raise NotLookedAt(neither)
    answer = await deployment.with_token(deployment.identity, token.token, "/admin/keys")
    if answer.status_code != httpx.codes.OK:
        raise NotLookedAt(f"/admin/keys is answered with {answer.status_code}")
    keys: list[Mapping[str, Any]] = answer.json()["results"]
    return keys


def _instant(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
