"""The tables of jobs in a schema of their own, and workers on them."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from shared_lib.jobs import JobQueue
from shared_lib.tenancy import Database, Runtime, Scope

DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(MetaData(), enqueuers=())


@pytest.fixture
async def admin(postgres_url: str, queue: JobQueue) -> AsyncIterator[asyncpg.Connection]:
    """Sees, and arranges, what a worker leaves behind."""
    schema = f"jobs_{uuid4().hex[:16]}"
    await _execute(postgres_url, f"CREATE SCHEMA {schema}")
    connection = await asyncpg.connect(_in_schema(postgres_url, schema))
    for table in queue.jobs.metadata.sorted_tables:
        await connection.execute(str(CreateTable(table).compile(dialect=DIALECT)))
        for index in table.indexes:
            await connection.execute(str(CreateIndex(index).compile(dialect=DIALECT)))
    yield connection
    await connection.close()


@pytest.fixture
async def database(postgres_url: str, admin: asyncpg.Connection) -> AsyncIterator[Database]:
    schema = await admin.fetchval("SELECT current_schema()")
    url = postgres_url.replace("postgresql:", "postgresql+asyncpg:")
    opened = Database(url, pool_size=8, pool_timeout=5, application_name="jobs", search_path=schema)
    yield opened
    await opened.aclose()


@pytest.fixture
def runtime(database: Database) -> Runtime:
    scopes = (Scope.SERVICE, Scope.ORGANIZATION)
    return Runtime(dict.fromkeys(scopes, database), lambda _operation, _caller: "")


def _in_schema(url: str, schema: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}search_path={schema}"


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
