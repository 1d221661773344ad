"""The whole access matrix, asked of both services over HTTP."""

import asyncio
from collections.abc import Sequence

import asyncpg
import httpx
import pytest

from shared_lib.checks import Check, CheckState
from shared_lib.postgres import driver_url
from shared_lib.prove._routes import (
    InstallationSecrets,
    check_routes,
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


async def ask(system: System) -> Sequence[Check]:
    async with (
        httpx.AsyncClient(base_url=system.core.url, timeout=PATIENCE) as core,
        httpx.AsyncClient(base_url=system.identity.url, timeout=PATIENCE) as identity,
    ):
        return await check_routes(core, identity, await secrets_of(system), spend=True)


def test_every_operation_answers_everybody_as_the_matrix_says(spent: System) -> None:
    checks = asyncio.run(ask(spent))
    faults = [
        f"{check.section} {check.name}: {fault}" for check in checks for fault in check.faults
    ]
    assert faults == []
    assert {check.state for check in checks} == {CheckState.PASSED}
