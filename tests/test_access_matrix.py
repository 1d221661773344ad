"""The whole access matrix, asked of both services over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import pytest
from httpx import AsyncClient

from shared_lib.checks import Check, CheckState
from shared_lib.postgres import driver_url
from shared_lib.prove._matrix import MATRIX
from shared_lib.prove._routes import (
    InstallationSecrets,
    check_routes,
    check_routes_unauthenticated,
    read_signing_key,
)
from tests.conftest import MakeSystem
from tests.system import PATIENCE, System

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def spent(make_system: MakeSystem) -> System:
    """A system whose accounts are of no use afterwards."""
    return make_system()


async def secrets_of(system: System) -> InstallationSecrets:
    given = system.environment(system.identity)
    worker = driver_url(given["IDENTITY_WORKER_DATABASE_URL"])
    connection = await asyncpg.connect(worker)
    try:
        key = await read_signing_key(connection, given["IDENTITY_ENCRYPTION_KEY"])
    finally:
        await connection.close()
    return InstallationSecrets(key, given["IDENTITY_CORE_CLIENT_SECRET"])


async def ask(
    system: System, check: Callable[[AsyncClient, AsyncClient], Awaitable[Sequence[Check]]]
) -> Sequence[Check]:
    async with (
        AsyncClient(base_url=system.core.url, timeout=PATIENCE) as core,
        AsyncClient(base_url=system.identity.url, timeout=PATIENCE) as identity,
    ):
        return await check(core, identity)


def faults(checks: Sequence[Check]) -> list[str]:
    return [f"{each.section} {each.name}: {fault}" for each in checks for fault in each.faults]


def test_without_a_good_token_nothing_opens(spent: System) -> None:
    checks = asyncio.run(ask(spent, check_routes_unauthenticated))
    assert faults(checks) == []
    assert {check.section for check in checks} == {f"routes: {service}" for service in MATRIX}


def test_every_operation_answers_everybody_as_the_matrix_says(spent: System) -> None:
    async def check(core: AsyncClient, identity: AsyncClient) -> Sequence[Check]:
        return await check_routes(core, identity, await secrets_of(spent), spend=True)

    checks = asyncio.run(ask(spent, check))
    assert faults(checks) == []
    assert {check.state for check in checks} == {CheckState.PASSED}
    asked = {name for service in MATRIX.values() for name in service}
    assert asked <= {check.name for check in checks}
    assert left_behind(spent) == {"organizations": 0, "sessions": 0, "accounts": 0, "links": 0}


def left_behind(system: System) -> dict[str, int]:
    """What is not as it was before: of the kinds that could be of use to anybody."""
    counts = {
        "organizations": ("product", "organizations WHERE status <> 'active' OR NOT paid"),
        "sessions": ("product", "support_sessions WHERE ended_at IS NULL"),
        "accounts": ("identity", "service_accounts WHERE name LIKE '%prove%' AND active"),
        "links": ("identity", "invitations WHERE revoked_at IS NULL"),
    }
    return {
        what: system.sql(database, f"SELECT count(*) FROM {rows}")[0][0]  # noqa: S608
        for what, (database, rows) in counts.items()
    }
