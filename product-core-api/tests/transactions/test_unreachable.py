"""A database that is away is 503 with Retry-After, never 500, and heals without a hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.core.settings import CoreSettings
from shared_lib.errors import DatabaseUnavailable
from shared_lib.tenancy import Database
from shared_lib.testing.proxy import Proxy, passes, proxied, resets, silent
from tests.conftest import Tenant
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database

AWAY = (503, "database_unavailable")


@asynccontextmanager
async def gated(settings: CoreSettings) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient]]:
    url = settings.app_database_url.get_secret_value()
    async with proxied(url) as proxy:
        changed = SecretStr(proxy.url(url))
        async with serve(settings, app_database_url=changed) as client:
            yield proxy, client


async def test_a_database_that_is_away(settings: CoreSettings, tenant: Tenant) -> None:
    async with gated(settings) as (proxy, client):

        async def ask() -> httpx.Response:
            return await client.get("/api/v1/popups", headers=tenant.headers())

        assert (await ask()).status_code == 200
        await proxy.refuse()
        for _ in range(6):
            away = await ask()
            assert (away.status_code, away.json()["detail"]) == AWAY
            assert away.headers["retry-after"]
        await proxy.open()
        for _ in range(6):
            assert (await ask()).status_code == 200


async def test_a_service_that_starts_first_waits_for_its_database(
    settings: CoreSettings, tenant: Tenant
) -> None:
    url = settings.app_database_url.get_secret_value()
    async with proxied(url) as proxy:
        proxy.behaviour = resets
        starting = serve(settings, app_database_url=SecretStr(proxy.url(url)))
        entering = asyncio.create_task(starting.__aenter__())
        while len(proxy.passages) < 2:  # noqa: ASYNC110  the service asks, nobody signals
            await asyncio.sleep(0.01)
        proxy.behaviour = passes
        client = await entering
        try:
            served = await client.get("/api/v1/popups", headers=tenant.headers())
            assert served.status_code == 200
        finally:
            await starting.__aexit__(None, None, None)


async def test_a_service_does_not_wait_for_a_password_to_become_right(
    settings: CoreSettings,
) -> None:
    url = settings.app_database_url.get_secret_value()
    async with proxied(url) as proxy:
        wrong = proxy.url(url.replace(":", ":wrong-", 2).replace(":wrong-", ":", 1))
        with pytest.raises(DatabaseUnavailable):
            async with serve(settings, app_database_url=SecretStr(wrong)):
                pass
        assert len(proxy.passages) == 1


async def test_a_statement_without_an_answer_is_the_same_in_a_session(
    settings: CoreSettings,
) -> None:
    url = settings.app_database_url.get_secret_value()
    database = Database(
        url, pool_size=1, pool_timeout=1.0, application_name="a test", command_timeout=2.0
    )
    lease = await database.lease()
    try:
        with pytest.raises(DatabaseUnavailable):
            await lease.sqlalchemy_connection().execute(text("SELECT pg_sleep(30)"))
        await lease.roll_back()
    finally:
        lease.release()
        await database.aclose()


@pytest.mark.parametrize("shared", [False, True])
async def test_a_lease_that_outlives_its_database_leaves_no_connection(
    settings: CoreSettings, *, shared: bool
) -> None:
    url = settings.app_database_url.get_secret_value()
    database = Database(url, pool_size=1, pool_timeout=1.0, application_name="a test")
    lease = await database.lease()
    if shared:
        await lease.sqlalchemy_connection().execute(text("SELECT 1"))
    await database.aclose()
    lease.release()
    assert lease.connection.is_closed()


async def test_who_comes_next_does_not_wait_for_what_was_given_up(settings: CoreSettings) -> None:
    """The driver cancels a statement that was given up, which a dead network never confirms."""
    url = settings.app_database_url.get_secret_value()
    async with proxied(url) as proxy:
        database = Database(
            proxy.url(url), pool_size=1, pool_timeout=1.0, application_name="a test"
        )
        try:
            async with database.connection() as connection:
                proxy.behaviour = silent
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await connection.execute("SELECT pg_sleep(30)")
            proxy.behaviour = passes
            assert connection.is_closed()
            async with database.connection() as next_one:
                assert await next_one.fetchval("SELECT 1") == 1
        finally:
            await database.aclose()


async def test_what_was_given_up_and_cancelled_leaves_a_good_connection(
    settings: CoreSettings,
) -> None:
    url = settings.app_database_url.get_secret_value()
    database = Database(url, pool_size=1, pool_timeout=1.0, application_name="a test")
    try:
        async with database.connection() as connection:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await connection.execute("SELECT pg_sleep(30)")
        async with database.connection() as next_one:
            assert next_one is connection
            assert not _is_busy(next_one)
    finally:
        await database.aclose()


def _is_busy(connection: asyncpg.Connection) -> bool:
    return bool(connection._protocol._is_cancelling())
