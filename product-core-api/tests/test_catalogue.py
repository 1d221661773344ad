"""The catalogue's rules find nothing here, and each finds the fault that it is for."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.models import DATABASE
from shared_lib.prove import RULES, faults_of, read_catalogue
from shared_lib.testing.postgres import Cluster

pytestmark = pytest.mark.database

# A fault, and the rule that must find it.
FAULTS = {
    "ALTER TABLE popups NO FORCE ROW LEVEL SECURITY": "row_security",
    "ALTER TABLE popups DISABLE ROW LEVEL SECURITY": "row_security",
    "CREATE VIEW peek AS SELECT * FROM popups": "row_security",
    "CREATE TABLE notes (tenant_id uuid NOT NULL)": "row_security",
    "CREATE POLICY more ON popups TO product_app USING (name = 'x')": "policies",
    "CREATE POLICY all_ ON popups TO product_worker USING (true)": "policies",
    "CREATE POLICY anyone ON popups USING (tenant_id = (SELECT"
    " current_setting('app.current_tenant', true)::uuid))": "policies",
    "DROP POLICY popups_app ON popups": "app_is_bound",
    "ALTER POLICY popups_app ON popups WITH CHECK (true)": "policies",
    "CREATE FUNCTION tenant() RETURNS uuid LANGUAGE sql IMMUTABLE AS"
    " $$ SELECT current_setting('app.current_tenant')::uuid $$;"
    " ALTER POLICY popups_app ON popups USING (tenant_id = tenant())": "policy_functions",
    "DELETE FROM popups; ALTER TABLE popups DROP CONSTRAINT uq_popups_tenant_id_slug;"
    " ALTER TABLE popups ADD UNIQUE (slug)": "keys",
    "CREATE UNIQUE INDEX one_name ON popups (name, tenant_id)": "keys",
    "ALTER TABLE popups ADD UNIQUE (tenant_id, id, name); ALTER TABLE popups ADD parent uuid;"
    " ALTER TABLE popups ADD UNIQUE (id);"
    " ALTER TABLE popups ADD FOREIGN KEY (parent) REFERENCES popups (id)": "foreign_keys",
    "GRANT TRUNCATE ON popups TO product_app": "grants",
    "GRANT SELECT ON popups TO PUBLIC": "grants",
    "GRANT UPDATE ON organizations TO product_app": "grants",
    "GRANT SELECT ON alembic_version TO product_app": "grants",
    "GRANT SELECT ON popups TO product_app WITH GRANT OPTION": "grants",
    "ALTER ROLE product_app BYPASSRLS": "roles",
    "ALTER ROLE product_owner LOGIN": "roles",
    "GRANT product_owner TO product_app": "roles",
    "GRANT CREATE ON SCHEMA public TO product_app": "roles",
    "ALTER TABLE popups OWNER TO product_app": "roles",
    "CREATE FUNCTION leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS"
    " $$ SELECT count(*) FROM popups $$": "definer_functions",
    "ALTER PROCEDURE admit RESET search_path": "definer_functions",
    "GRANT EXECUTE ON PROCEDURE admit TO PUBLIC": "definer_functions",
    "GRANT EXECUTE ON FUNCTION set_config TO product_app": "settings",
    "GRANT USAGE ON LANGUAGE plpgsql TO product_app": "settings",
    "ALTER PROCEDURE admit SECURITY INVOKER": "definer_functions",
    "DROP PROCEDURE admit": "definer_functions",
    "GRANT EXECUTE ON FUNCTION found_organization TO product_worker": "definer_functions",
    "REVOKE EXECUTE ON PROCEDURE admit FROM product_app": "definer_functions",
    "ALTER TABLE popups DISABLE TRIGGER popups_history": "triggers",
    "DROP TRIGGER support_sessions_keep_ended ON support_sessions": "triggers",
    "CREATE SCHEMA elsewhere": "strays",
    "CREATE RULE quiet AS ON DELETE TO popups DO INSTEAD NOTHING": "strays",
}


@pytest.fixture(scope="module")
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """The administrator of a database without rows, which would stand in the way of some faults."""
    async with cluster.clone() as name:
        connection = await asyncpg.connect(cluster.admin_url(name))
        yield connection
        await connection.close()


async def faults(admin: asyncpg.Connection) -> dict[str, list[str]]:
    found = faults_of(await read_catalogue(admin, DATABASE))
    del found["version"]  # the server's, not ours
    return found


async def test_there_is_no_fault(admin: asyncpg.Connection) -> None:
    assert {name: found for name, found in (await faults(admin)).items() if found} == {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_found(admin: asyncpg.Connection, fault: str) -> None:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(fault)
        found = await faults(admin)
    finally:
        await transaction.rollback()
    assert found[FAULTS[fault]], found


def test_every_rule_has_a_fault() -> None:
    assert {rule.name for rule in RULES} - {"version"} == set(FAULTS.values())
