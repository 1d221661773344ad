"""Behaviour is as declared here, and a fault in a table shows in what its roles can do."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.models import DATABASE
from app.modules.models import metadata
from shared_lib.prove import behaviour_of, declared_in
from shared_lib.testing.postgres import Cluster

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    async with cluster.clone() as name:
        connection = await asyncpg.connect(cluster.admin_url(name))
        yield connection
        await connection.close()


async def faults(admin: asyncpg.Connection, table: str, fault: str = "") -> list[str]:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(fault or "SELECT")
        return await behaviour_of(admin, DATABASE, table)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("table", declared_in(DATABASE))
async def test_there_is_no_fault(admin: asyncpg.Connection, table: str) -> None:
    assert await faults(admin, table) == []


# What is done to a table, and what must be said of it.
FAULTS = [
    ("popups", "DROP POLICY popups_app ON popups", "product_app cannot SELECT its own row"),
    (
        "popups",
        "ALTER POLICY popups_app ON popups USING (true)",
        "product_app could SELECT another's row: it reached 1 row",
    ),
    (
        "popups",
        "ALTER POLICY popups_app ON popups WITH CHECK (true)",
        "product_app could INSERT a row of another: it reached 1 row",
    ),
    (
        "members",
        "ALTER POLICY members_app ON members WITH CHECK (true)",
        "product_app could UPDATE its own row so that it is another's by tenant_id",
    ),
    (
        "popups",
        "CREATE POLICY more ON popups TO product_app USING (name LIKE 'prove%')",
        "product_app could UPDATE without a condition more than its own row: it reached 2 rows",
    ),
    (
        "popups",
        "CREATE POLICY more ON popups FOR DELETE TO product_app USING (true)",
        "product_app could DELETE without a condition more than its own row: it reached 2 rows",
    ),
    (
        "popups",
        (
            "CREATE POLICY unset ON popups TO product_app"
            " USING (current_setting('app.current_tenant', true) = '')"
        ),
        "product_app could SELECT without a tenant",
    ),
    (
        "popups",
        "CREATE POLICY more ON popups TO product_platform USING (true)",
        "product_platform could SELECT another's row",
    ),
    (
        "popups",
        "ALTER TABLE popups NO FORCE ROW LEVEL SECURITY",
        "product_owner could SELECT another's row: it reached 1 row",
    ),
    ("popups", "ALTER TABLE popups DISABLE ROW LEVEL SECURITY", "product_app could DELETE"),
    (
        "organizations",
        "GRANT DELETE ON organizations TO product_app",
        "product_app holds DELETE, which is not declared",
    ),
    (
        "organizations",
        "GRANT UPDATE (status) ON organizations TO product_app",
        "product_app holds UPDATE (status), which is not declared",
    ),
    (
        "revocations",
        "GRANT INSERT ON revocations TO product_app",
        "product_app was not refused to INSERT",
    ),
    ("popups", "GRANT TRUNCATE ON popups TO PUBLIC", "product_worker was not refused to TRUNCATE"),
    (
        "popups",
        "REVOKE INSERT ON popups FROM product_app",
        "product_app lacks INSERT (name), which is declared",
    ),
    (
        "popups",
        (
            "DELETE FROM popups; ALTER TABLE popups DROP CONSTRAINT uq_popups_tenant_id_slug;"
            " ALTER TABLE popups ADD CONSTRAINT uq_popups_slug UNIQUE (slug)"
        ),
        "product_app learns by ON CONFLICT what another has taken in uq_popups_slug",
    ),
    (
        "popups",
        (
            "CREATE FUNCTION tenant() RETURNS uuid LANGUAGE sql IMMUTABLE"
            " AS $$ SELECT NULL::uuid $$;"
            " ALTER POLICY popups_app ON popups USING (tenant_id = tenant())"
        ),
        "product_app cannot UPDATE its own row",
    ),
    ("popups", "ALTER TABLE popups ADD CHECK (length(name) < 9)", "no row could be made"),
    ("popups", "DROP TABLE popups", "popups is missing"),
]


@pytest.mark.parametrize(("table", "fault", "said"), FAULTS)
async def test_each_fault_is_noticed(
    admin: asyncpg.Connection, table: str, fault: str, said: str
) -> None:
    found = await faults(admin, table, fault)
    assert any(said in each for each in found), found


async def test_nothing_remains(admin: asyncpg.Connection) -> None:
    count = "SELECT count(*) FROM popups"
    before = await admin.fetchval(count)
    transaction = admin.transaction()
    await transaction.start()
    await behaviour_of(admin, DATABASE, "popups")
    assert await admin.fetchval(count) == before
    await transaction.commit()
    assert await admin.fetchval(count) == before


def test_every_declared_table_is_tried() -> None:
    assert set(declared_in(DATABASE)) == set(metadata.tables)
