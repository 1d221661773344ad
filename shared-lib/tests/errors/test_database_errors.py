"""Which answer each failure of a real PostgreSQL becomes, through asyncpg and SQLAlchemy."""

import asyncio
import socket
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared_lib.errors import (
    ApiError,
    DatabaseUnavailable,
    ReadOnly,
    TenantBlocked,
    TokenRevoked,
    api_error_from_database,
    hide_values,
)

pytestmark = pytest.mark.database

BY_SQLSTATE = [
    ("PT401", TokenRevoked),
    ("PT403", TenantBlocked),
    ("PT423", ReadOnly),
    ("25006", ReadOnly),
    ("08006", DatabaseUnavailable),
    ("25P03", DatabaseUnavailable),
    ("25P04", DatabaseUnavailable),
    ("40001", DatabaseUnavailable),
    ("40P01", DatabaseUnavailable),
    ("53300", DatabaseUnavailable),
    ("55P03", DatabaseUnavailable),
    ("57014", DatabaseUnavailable),
    ("57P01", DatabaseUnavailable),
    ("57P03", DatabaseUnavailable),
    ("PT402", None),
    ("25001", None),
    ("23505", None),
    ("42501", None),
    ("42601", None),
    ("57000", None),
    ("XX000", None),
]


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    yield engine
    await engine.dispose()


def kind(error: BaseException) -> type[ApiError] | None:
    known = api_error_from_database(error)
    return type(known) if known else None


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$"


@pytest.mark.parametrize(("state", "expected"), BY_SQLSTATE)
async def test_by_sqlstate_through_asyncpg(
    connection: asyncpg.Connection, state: str, expected: type[ApiError] | None
) -> None:
    with pytest.raises(asyncpg.PostgresError) as raised:
        await connection.execute(raising(state))
    assert kind(raised.value) is expected


@pytest.mark.parametrize(("state", "expected"), BY_SQLSTATE)
async def test_by_sqlstate_through_sqlalchemy(
    engine: AsyncEngine, state: str, expected: type[ApiError] | None
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as raised:
            await connection.execute(text(raising(state)))
    assert kind(raised.value) is expected


async def test_a_write_in_a_read_only_transaction(connection: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.PostgresError) as raised:
        async with connection.transaction(readonly=True):
            await connection.execute("CREATE TABLE written (id int)")
    assert kind(raised.value) is ReadOnly


async def test_a_statement_that_takes_too_long(connection: asyncpg.Connection) -> None:
    await connection.execute("SET statement_timeout = '10ms'")
    with pytest.raises(asyncpg.PostgresError) as raised:
        await connection.execute("SELECT pg_sleep(30)")
    assert kind(raised.value) is DatabaseUnavailable


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(OSError, match=str(port)) as raised:
            await asyncpg.connect(f"postgresql://nobody@127.0.0.1:{port}/none")
        assert kind(raised.value) is DatabaseUnavailable
        engine = create_async_engine(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/none")
        with pytest.raises(OSError, match=str(port)) as raised:
            async with engine.connect():
                pass
        assert kind(raised.value) is DatabaseUnavailable


async def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TimeoutError) as raised:
            await asyncpg.connect(f"postgresql://nobody@127.0.0.1:{port}/none", timeout=0.1)
    assert kind(raised.value) is DatabaseUnavailable


async def test_a_backend_that_is_terminated(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    async with engine.connect() as doomed:
        pid = await doomed.scalar(text("SELECT pg_backend_pid()"))
        sleeping = asyncio.create_task(doomed.execute(text("SELECT pg_sleep(30)")))
        await asyncio.sleep(0.1)
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(DBAPIError) as raised:
            await sleeping
    assert kind(raised.value) is DatabaseUnavailable


async def test_a_connection_that_was_closed(postgres_url: str, engine: AsyncEngine) -> None:
    closed = await asyncpg.connect(postgres_url)
    await closed.close()
    with pytest.raises(asyncpg.InterfaceError) as raised:
        await closed.execute("SELECT 1")
    assert kind(raised.value) is DatabaseUnavailable
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        await driver.close()
        with pytest.raises(DBAPIError) as wrapped:
            await connection.execute(text("SELECT 1"))
    assert kind(wrapped.value) is DatabaseUnavailable


async def test_a_misuse_of_the_driver_is_our_fault(connection: asyncpg.Connection) -> None:
    sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(0.2)"))
    await asyncio.sleep(0)  # its first step sends the statement
    with pytest.raises(asyncpg.InterfaceError, match="in progress") as raised:
        await connection.execute("SELECT 1")
    await sleeping
    assert kind(raised.value) is None


async def test_a_pool_that_is_exhausted(engine: AsyncEngine) -> None:
    async with engine.connect():
        with pytest.raises(Exception, match="QueuePool limit") as raised:
            async with engine.connect():
                pass
    assert kind(raised.value) is DatabaseUnavailable


def test_an_error_of_something_else_is_none() -> None:
    assert api_error_from_database(ValueError("x")) is None
    assert api_error_from_database(RuntimeError("connection is closed")) is None


async def test_values_of_rows_can_be_taken_out_of_an_error(engine: AsyncEngine) -> None:
    secret = "someone@example.com"
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TEMP TABLE once (address text UNIQUE)"))
        insert = text("INSERT INTO once VALUES (:address)")
        await connection.execute(insert, {"address": secret})
        with pytest.raises(IntegrityError) as raised:
            await connection.execute(insert, {"address": secret})
    driver = raised.value.orig
    assert driver is not None
    assert secret in str(raised.value)
    assert secret in str(driver.__cause__)
    hide_values(raised.value)
    chain = f"{raised.value} {driver} {driver.__cause__}"
    assert "unique constraint" in chain
    assert secret not in chain


async def test_a_statement_that_was_prepared_before_a_migration(
    connection: asyncpg.Connection, engine: AsyncEngine, postgres_url: str
) -> None:
    """In a transaction nothing can be asked again; the next one is answered."""
    await connection.execute("CREATE TABLE migrated (n integer)")
    raw = await asyncpg.connect(postgres_url)
    asked = "SELECT n FROM migrated"
    try:
        await raw.fetch(asked)
        async with engine.connect() as session:
            await session.execute(text(asked))
        await connection.execute("ALTER TABLE migrated ALTER COLUMN n TYPE bigint")
        async with raw.transaction():
            with pytest.raises(asyncpg.InvalidCachedStatementError) as raised:
                await raw.fetch(asked)
            assert kind(raised.value) is DatabaseUnavailable
        async with engine.connect() as session:
            with pytest.raises(DBAPIError) as wrapped:
                await session.execute(text(asked))
            assert kind(wrapped.value) is DatabaseUnavailable
        assert await raw.fetch(asked) == []
        async with engine.connect() as session:
            assert (await session.execute(text(asked))).all() == []
    finally:
        await raw.close()
        await connection.execute("DROP TABLE migrated")
