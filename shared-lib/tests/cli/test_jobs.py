"""`phasezero jobs`: what waits is shown; what was given up on is tried again or thrown away."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateTable

from shared_lib.ids import uuid7
from shared_lib.jobs import JobQueue
from shared_lib.testing.operator import Operator

pytestmark = pytest.mark.database

DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


@pytest.fixture
async def jobs(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a table of jobs of one's own."""
    schema = f"cli_{uuid4().hex[:16]}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}")
    table = JobQueue(MetaData(), enqueuers=()).jobs
    await connection.execute(str(CreateTable(table).compile(dialect=DIALECT)))
    yield connection
    await connection.close()


@pytest.fixture
async def operator(tmp_path: Path, postgres_url: str, jobs: asyncpg.Connection) -> Operator:
    schema = await jobs.fetchval("SELECT current_schema()")
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}search_path={schema}"
    url = url.replace("postgresql:", "postgresql+asyncpg:", 1)
    return Operator(tmp_path, {"CORE_WORKER_DATABASE_URL": url})


async def insert(jobs: asyncpg.Connection, kind: str, *, held: bool = False) -> UUID:
    job_id = uuid7()
    await jobs.execute(
        "INSERT INTO jobs VALUES ($1, $2, $3, '{}', now() + interval '1 minute', 8,"
        " CASE WHEN $4 THEN now() END, 'NotDelivered: status 503', now())",
        *(uuid7(), job_id, kind, held),
    )
    return job_id


async def test_list_shows_what_waits_and_what_is_held(
    operator: Operator, jobs: asyncpg.Connection
) -> None:
    waiting, held = await insert(jobs, "waits"), await insert(jobs, "is_held", held=True)
    listed = (await operator.run("jobs", "list", "--service", "core", "--json")).json()["jobs"]
    assert [row["id"] for row in listed] == [str(waiting), str(held)]
    assert [row["held_at"] is None for row in listed] == [True, False]
    assert listed[0]["failure"] == "NotDelivered: status 503"
    only = await operator.run("jobs", "list", "--service", "core", "--held")
    assert str(held) in only.out
    assert str(waiting) not in only.out


async def test_a_held_job_is_tried_from_the_first_attempt(
    operator: Operator, jobs: asyncpg.Connection
) -> None:
    held, other = await insert(jobs, "one", held=True), await insert(jobs, "two", held=True)
    done = await operator.run("jobs", "retry", str(held), "--service", "core")
    assert done.status == 0, done.err
    row = await jobs.fetchrow("SELECT *, run_at <= now() AS due FROM jobs WHERE id = $1", held)
    assert (row["held_at"], row["attempts"], row["due"]) == (None, 0, True)
    assert await jobs.fetchval("SELECT held_at FROM jobs WHERE id = $1", other)


async def test_all_that_are_held_are_tried_again(
    operator: Operator, jobs: asyncpg.Connection
) -> None:
    for kind in ("one", "two"):
        await insert(jobs, kind, held=True)
    waiting = await insert(jobs, "three")
    done = await operator.run("jobs", "retry", "--all", "--service", "core")
    assert (done.status, "2 jobs" in done.out) == (0, True)
    assert await jobs.fetchval("SELECT count(*) FROM jobs WHERE held_at IS NOT NULL") == 0
    assert await jobs.fetchval("SELECT attempts FROM jobs WHERE id = $1", waiting) == 8


async def test_only_a_held_job_is_thrown_away(operator: Operator, jobs: asyncpg.Connection) -> None:
    waiting, held = await insert(jobs, "waits"), await insert(jobs, "is_held", held=True)
    refused = await operator.run("jobs", "discard", str(waiting), "--service", "core")
    assert (refused.status, "it is being tried" in refused.err) == (1, True)
    done = await operator.run("jobs", "discard", str(held), "--service", "core")
    assert done.status == 0, done.err
    assert [row["id"] for row in await jobs.fetch("SELECT id FROM jobs")] == [waiting]
    again = await operator.run("jobs", "discard", str(held), "--service", "core")
    assert (again.status, "there is no such job" in again.err) == (1, True)


async def test_what_is_asked_must_be_clear(operator: Operator) -> None:
    nothing = await operator.run("jobs", "retry", "--service", "core")
    assert (nothing.status, "name a job" in nothing.err) == (2, True)
    both = await operator.run("jobs", "retry", str(uuid7()), "--all", "--service", "core")
    assert both.status == 2
    gone = await operator.run("jobs", "retry", str(uuid7()), "--service", "core")
    assert (gone.status, "it may be done" in gone.err) == (1, True)
    other = await operator.run("jobs", "list", "--service", "identity")
    assert (other.status, "IDENTITY_WORKER_DATABASE_URL" in other.err) == (2, True)
