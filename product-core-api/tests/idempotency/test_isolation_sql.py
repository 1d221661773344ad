"""The wall around kept answers: what each role reaches by SQL, whatever the code above it does."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.models import kept_answers
from app.worker import RECURRING
from shared_lib.audit import PLATFORM
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.jobs import Job, Work
from shared_lib.tables import Kind, isolation_of
from shared_lib.testing.postgres import Cluster
from tests.idempotency.keyed import age, rows_of

pytestmark = pytest.mark.database

ROLES = ("app", "platform")


async def keep(admin: asyncpg.Connection, key: str = "k", *, reserved: bool = False) -> UUID:
    """A kept answer of somebody new."""
    actor_id = uuid4()
    await admin.execute(
        "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation, status, body)"
        " VALUES ($1, $2, '', $1, $3, $4)",
        *(actor_id, key, None if reserved else 201, None if reserved else b"secret"),
    )
    return actor_id


@pytest.fixture(params=ROLES)
async def role(
    request: pytest.FixtureRequest, cluster: Cluster, database_name: str
) -> AsyncIterator[asyncpg.Connection]:
    """A role that serves people, in a transaction without an actor, undone at the end."""
    url = cluster.url(database_name, f"product_{request.param}").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def act_as(connection: asyncpg.Connection, actor_id: UUID) -> None:
    await connection.execute(f"SET LOCAL app.current_actor = '{actor_id}'")


def test_its_rows_are_somebodys() -> None:
    assert isolation_of(kept_answers.table).kind is Kind.USER


async def test_only_the_actors_own_rows(
    role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    own, other = await keep(admin), await keep(admin)
    await act_as(role, own)
    rows = await role.fetch("SELECT actor_id FROM idempotency_keys")
    assert [row["actor_id"] for row in rows] == [own]
    changed = "UPDATE idempotency_keys SET status = 200 WHERE actor_id = $1"
    deleted = "DELETE FROM idempotency_keys WHERE actor_id = $1"
    for statement in (changed, deleted):
        assert await role.execute(statement, other) in ("UPDATE 0", "DELETE 0")
        assert await role.execute(statement, own) in ("UPDATE 1", "DELETE 1")


async def test_nothing_is_planted_for_another(
    role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """Or an injection could make somebody else's request answer what it likes."""
    own, other = await keep(admin), uuid4()
    await act_as(role, own)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with role.transaction():
            await role.execute(
                "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation)"
                " VALUES ($1, 'k', '', $1)",
                other,
            )
    for column in ("actor_id", "key"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            async with role.transaction():
                await role.execute(f"UPDATE idempotency_keys SET {column} = {column}")  # noqa: S608


async def test_without_an_actor_it_fails_loudly(role: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await role.fetch("SELECT * FROM idempotency_keys")


async def test_a_tenant_or_person_is_no_actor(
    role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    own = await keep(admin)
    await role.execute(f"SET LOCAL app.current_tenant = '{own}'")
    await role.execute(f"SET LOCAL app.current_person = '{own}'")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await role.fetch("SELECT * FROM idempotency_keys")


async def test_the_worker_deletes_and_writes_nothing(
    cluster: Cluster, database_name: str, admin: asyncpg.Connection
) -> None:
    actor_id = await keep(admin)
    url = cluster.url(database_name, "product_worker").replace("+asyncpg", "")
    worker = await asyncpg.connect(url)
    for statement in (
        "UPDATE idempotency_keys SET body = NULL",
        (
            "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation)"
            " VALUES (gen_random_uuid(), 'k', '', gen_random_uuid())"
        ),
        "TRUNCATE idempotency_keys",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)
    await worker.close()
    assert len(await rows_of(admin, actor_id)) == 1


async def test_what_is_older_than_a_day_is_deleted(
    application: FastAPI, admin: asyncpg.Connection
) -> None:
    (every,) = (each for each in RECURRING if each.name == "delete_idempotency_keys")
    old, young, reserved = await keep(admin), await keep(admin), await keep(admin, reserved=True)
    await age(admin, old, "24 hours")
    await age(admin, young, "23 hours 59 minutes")
    job = Job(PLATFORM, uuid7(), every.name, {}, 1, utc_now())
    await every.handler(Work(job, None, application.state.runtime))
    assert [len(await rows_of(admin, each)) for each in (old, young, reserved)] == [0, 1, 1]
    assert every.interval.total_seconds() <= 3600
