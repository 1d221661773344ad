"""The comparison at start names each difference from the declarations, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import Column, Index, MetaData, Table, Text, Uuid

from app.core.models import DATABASE
from app.modules.models import metadata
from shared_lib.tables import catalogue_faults, declared_keys, role_faults
from shared_lib.testing.postgres import Cluster

pytestmark = pytest.mark.database

RUNS_ALWAYS = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
AS_DEFINER = "RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
OTHER_TRIGGER = f"""
CREATE FUNCTION nothing() {RUNS_ALWAYS};
DROP TRIGGER popups_history ON popups;
CREATE TRIGGER popups_history AFTER INSERT ON popups FOR EACH ROW EXECUTE FUNCTION nothing()
"""
OWN_ROWS = "tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)"

# How the database is changed, and how each fault begins that must be found, in their order.
DIFFERENCES: dict[str, list[str]] = {
    "CREATE TABLE stray (id int)": ["table stray is not declared"],
    "CREATE TABLE stray (id int PRIMARY KEY)": [
        "table stray is not declared",
        "key PRIMARY KEY (id) of stray is not declared",
    ],
    "CREATE VIEW peek AS SELECT * FROM popups": ["table peek is not declared"],
    "ALTER TABLE popups NO FORCE ROW LEVEL SECURITY": [
        "table popups: row level security is not forced"
    ],
    "ALTER TABLE popups DISABLE ROW LEVEL SECURITY": [
        "table popups: row level security is not enabled"
    ],
    "DROP POLICY popups_app ON popups": ["policy popups.popups_app is missing"],
    "CREATE POLICY open ON popups TO product_app USING (true)": [
        "policy popups.open is not declared"
    ],
    "ALTER POLICY popups_app ON popups USING (true)": [
        "policy popups.popups_app is ('PERMISSIVE', '{product_app}', 'ALL', 'true', "
    ],
    "ALTER POLICY popups_app ON popups WITH CHECK (true)": [
        "policy popups.popups_app is ('PERMISSIVE', '{product_app}', 'ALL', \"(tenant_id = "
    ],
    "ALTER POLICY popups_app ON popups TO PUBLIC": [
        "policy popups.popups_app is ('PERMISSIVE', '{public}', "
    ],
    "DROP POLICY popups_app ON popups; CREATE POLICY popups_app ON popups AS RESTRICTIVE"
    f" TO product_app USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})": [
        "policy popups.popups_app is ('RESTRICTIVE', "
    ],
    "DROP POLICY popups_app ON popups; CREATE POLICY popups_app ON popups FOR SELECT"
    f" TO product_app USING ({OWN_ROWS})": [
        "policy popups.popups_app is ('PERMISSIVE', '{product_app}', 'SELECT', "
    ],
    "GRANT UPDATE (status) ON organizations TO product_app": [
        "grant organizations to product_app: UPDATE (status) is not declared"
    ],
    "GRANT TRUNCATE ON popups TO product_app": [
        "grant popups to product_app: TRUNCATE is not declared"
    ],
    "GRANT SELECT ON popups TO PUBLIC": ["grant popups to PUBLIC: SELECT is not declared"],
    "GRANT SELECT (name) ON popups TO PUBLIC": [
        "grant popups to PUBLIC: SELECT (name) is not declared"
    ],
    "REVOKE INSERT ON popups FROM product_app": ["grant popups to product_app: INSERT is missing"],
    "DROP TRIGGER popups_history ON popups": ["trigger popups_history is missing"],
    "ALTER TABLE popups DISABLE TRIGGER popups_history": ["trigger popups_history is missing"],
    OTHER_TRIGGER: ["trigger popups_history is CREATE TRIGGER popups_history AFTER INSERT ON"],
    "ALTER TABLE popups DROP CONSTRAINT pk_popups": [
        "key PRIMARY KEY (tenant_id, id) of popups is missing"
    ],
    "ALTER TABLE popups DROP CONSTRAINT uq_popups_tenant_id_slug": [
        "key UNIQUE (tenant_id, slug) of popups is missing"
    ],
    "ALTER TABLE popups DROP CONSTRAINT fk_popups_tenant_id": [
        "key FOREIGN KEY (tenant_id) of popups REFERENCES organizations (tenant_id) is missing"
    ],
    "CREATE UNIQUE INDEX one ON popups (tenant_id, name)": [
        "key UNIQUE INDEX one (tenant_id, name) of popups is not declared"
    ],
    f"CREATE FUNCTION peek() {AS_DEFINER}": ["function peek runs with the rights of "],
    f"CREATE FUNCTION peek() {AS_DEFINER}; ALTER FUNCTION peek OWNER TO product_definer": [],
}

# The attributes of the role that serves requests, and all that makes it unfit.
UNFIT: dict[str, list[str]] = {
    "LOGIN": [],
    "SUPERUSER": ["is a superuser", "may create tables"],
    "BYPASSRLS": ["has BYPASSRLS"],
    "CREATEROLE": ["has CREATEROLE"],
    "CREATEDB": ["has CREATEDB"],
    "IN ROLE product_app": ["is a member of 1 roles"],
    "LOGIN; CREATE TABLE stray (id int); ALTER TABLE stray OWNER TO unfit": ["owns 1 relations"],
    "LOGIN; GRANT CREATE ON SCHEMA public TO unfit": ["may create tables"],
}


@pytest.fixture(scope="module")
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """The administrator of a database without rows, which would stand in the way of some faults."""
    async with cluster.clone() as name:
        connection = await asyncpg.connect(cluster.admin_url(name))
        yield connection
        await connection.close()


@asynccontextmanager
async def rolled_back(admin: asyncpg.Connection, sql: str) -> AsyncIterator[None]:
    """The database as `sql` makes it."""
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(sql)
        yield
    finally:
        await transaction.rollback()


async def test_there_is_no_difference(admin: asyncpg.Connection) -> None:
    assert await catalogue_faults(admin, metadata, DATABASE) == []


# T3
@pytest.mark.parametrize("change", DIFFERENCES)
async def test_each_difference_is_named(admin: asyncpg.Connection, change: str) -> None:
    async with rolled_back(admin, change):
        found = await catalogue_faults(admin, metadata, DATABASE)
    assert len(found) == len(DIFFERENCES[change]), found
    for fault, said in zip(found, DIFFERENCES[change], strict=True):
        assert fault.startswith(said)


async def test_a_table_that_is_missing_is_named_before_what_it_had(
    admin: asyncpg.Connection,
) -> None:
    async with rolled_back(admin, "DROP TABLE popups"):
        found = await catalogue_faults(admin, metadata, DATABASE)
    assert found[0] == "table popups is missing"
    assert {fault.partition(" ")[0] for fault in found} == {
        *("table", "policy", "trigger", "grant", "key")
    }
    assert all("popups" in fault and fault.endswith("is missing") for fault in found)


def test_a_unique_index_is_a_key() -> None:
    notes = Table("notes", MetaData(), Column("tenant_id", Uuid), Column("slug", Text))
    Index("ix_slug", notes.c.slug)
    Index("uq_slug", notes.c.tenant_id, notes.c.slug, unique=True)
    assert declared_keys(notes.metadata) == {
        "PRIMARY KEY () of notes",
        "UNIQUE INDEX uq_slug (tenant_id, slug) of notes",
    }


@pytest.mark.parametrize("attributes", UNFIT)
async def test_what_makes_a_role_unfit_for_requests(
    admin: asyncpg.Connection, attributes: str
) -> None:
    async with rolled_back(admin, f"CREATE ROLE unfit {attributes}; SET LOCAL ROLE unfit"):
        found = await role_faults(admin)
    assert found == [f"role unfit {fault}" for fault in UNFIT[attributes]]
