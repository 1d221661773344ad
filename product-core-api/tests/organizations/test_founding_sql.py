"""What the function that founds organizations does by itself, whoever calls it."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from tests.conftest import MakeOrganization, Tenant
from tests.organizations.test_founding import founded_by, fresh_slug

pytestmark = pytest.mark.database


@pytest.fixture
async def app_role(cluster: Cluster, database_name: str) -> AsyncIterator[asyncpg.Connection]:
    url = cluster.url(database_name, "product_app").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def call(connection: asyncpg.Connection, **settings: UUID) -> object:
    """Found by the function itself, in a transaction with these settings."""
    async with connection.transaction():
        return await call_within(connection, **settings)


async def call_within(connection: asyncpg.Connection, **settings: UUID) -> object:
    """The same, in the transaction that is open."""
    for name, value in settings.items():
        await connection.execute(f"SET LOCAL app.{name} = '{value}'")
    return await connection.fetchval(
        "SELECT found_organization($1, $2, 'x', 3, $3, '', '')",
        *(uuid7(), fresh_slug(), uuid7()),
    )


async def test_the_function_founds_for_the_person_of_the_transaction_alone(  # T8
    app_role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    person, somebody = uuid7(), uuid7()
    for settings in (
        {},
        {"current_actor": person},
        {"current_person": person},
        {"current_person": person, "current_actor": somebody},  # a support session
    ):
        with pytest.raises(asyncpg.RaiseError, match="only a person, for himself"):
            await call(app_role, **settings)
    assert await call(app_role, current_person=person, current_actor=person) is not None
    assert (await founded_by(admin, person), await founded_by(admin, somebody)) == (1, 0)


@pytest.mark.parametrize("number", [0, 1, 65535])
async def test_the_function_founds_nothing_under_an_id_that_means_something_else(
    app_role: asyncpg.Connection, number: int
) -> None:
    """The platform's chain of events and the public organization: whatever is injected."""
    person = uuid7()
    async with app_role.transaction():
        for name in ("current_person", "current_actor"):
            await app_role.execute(f"SET LOCAL app.{name} = '{person}'")
        with pytest.raises(asyncpg.RaiseError, match="no organization has this id"):
            async with app_role.transaction():
                await app_role.fetchval(
                    "SELECT found_organization($1, $2, 'x', 1000000, $3, '', '')",
                    *(UUID(int=number), fresh_slug(), uuid7()),
                )


async def test_the_function_leaves_the_tenant_as_it_was(
    app_role: asyncpg.Connection, tenant: Tenant
) -> None:
    person = uuid7()
    for own in ("", str(tenant.id)):
        async with app_role.transaction():
            await app_role.execute(
                f"SET LOCAL app.current_tenant = '{own}';"
                f"SET LOCAL app.current_person = '{person}';"
                f"SET LOCAL app.current_actor = '{person}'"
            )
            await app_role.fetchval(
                "SELECT found_organization($1, $2, 'x', 3, $3, '', '')",
                *(uuid7(), fresh_slug(), uuid7()),
            )
            assert await app_role.fetchval("SELECT current_setting('app.current_tenant')") == own


@pytest.mark.parametrize("role", ["product_platform", "product_worker"])
async def test_the_function_is_for_people_only(
    cluster: Cluster, database_name: str, role: str
) -> None:
    url = cluster.url(database_name, role).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await call(connection, current_person=uuid7())
    await connection.close()


async def test_the_function_counts_what_the_person_himself_has_founded(
    admin: asyncpg.Connection, make_tenant: MakeOrganization
) -> None:
    """Even if it saw all: its policy shows it the person's alone."""
    person, somebody = uuid7(), uuid7()
    for _ in range(3):
        other = await make_tenant(paid=False)
        await admin.execute(
            "UPDATE organizations SET founder_id = $2 WHERE tenant_id = $1", other.id, somebody
        )
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute("ALTER TABLE organizations DISABLE ROW LEVEL SECURITY")
        await admin.execute("SET LOCAL ROLE product_app")
        assert await call_within(admin, current_person=person, current_actor=person) is not None
    finally:
        await transaction.rollback()
