"""A `signing_keys` table for each test, in a schema of its own, and what it leaves for workers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from shared_lib.jobs import JobQueue
from shared_lib.keys import KeyCipher, Schedule, SigningKeyStore, signing_keys_table

DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
# As identity declares it, where tests see that what is left here arrives.
SECURITY_EVENTS = """
CREATE TABLE security_events (
    tenant_id uuid, id uuid, occurred_at timestamptz NOT NULL, actor_id uuid, actor_role text,
    subject_id uuid, action text NOT NULL, resource text NOT NULL, resource_id text,
    outcome text NOT NULL, code text, reason text, client_ip text NOT NULL,
    user_agent text NOT NULL, request_id text NOT NULL, changes jsonb, PRIMARY KEY (tenant_id, id)
)
"""
Connect = Callable[[], Awaitable[asyncpg.Connection]]


@pytest.fixture
async def keys_url(postgres_url: str) -> str:
    schema = f"keys_{uuid4().hex[:16]}"
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}search_path={schema}"
    metadata = MetaData()
    signing_keys_table(metadata)
    JobQueue(metadata, enqueuers=())
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE SCHEMA {schema}")
    for table in metadata.sorted_tables:
        await connection.execute(str(CreateTable(table).compile(dialect=DIALECT)))
        for index in table.indexes:
            await connection.execute(str(CreateIndex(index).compile(dialect=DIALECT)))
    await connection.execute(SECURITY_EVENTS)
    await connection.close()
    return url


@pytest.fixture
async def connect(keys_url: str) -> AsyncIterator[Connect]:
    opened: list[asyncpg.Connection] = []

    async def open_another() -> asyncpg.Connection:
        opened.append(await asyncpg.connect(keys_url))
        return opened[-1]

    yield open_another
    for connection in opened:
        await connection.close()


@pytest.fixture
async def connection(connect: Connect) -> asyncpg.Connection:
    return await connect()


@pytest.fixture(scope="session")
def encryption_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def store(encryption_key: str) -> SigningKeyStore:
    return SigningKeyStore(KeyCipher([encryption_key]), Schedule())
