"""The catalogue's rules find nothing here, and each finds the fault that it is for."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.models import DATABASE
from shared_lib.prove import RULES, faults_of, read_catalogue
from shared_lib.testing.postgres import Cluster

pytestmark = pytest.mark.database

PARENT = "ALTER TABLE popups ADD parent uuid; ALTER TABLE popups"
REFERENCE = "ADD FOREIGN KEY (tenant_id, parent) REFERENCES popups (tenant_id, id)"

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
    f"{PARENT} {REFERENCE} ON DELETE SET NULL": "foreign_keys",
    f"{PARENT} {REFERENCE} ON DELETE SET NULL (parent) ON UPDATE CASCADE": "foreign_keys",
    f"{PARENT} {REFERENCE}": "foreign_keys",
    f"{PARENT} {REFERENCE} ON DELETE SET NULL (parent) NOT VALID": "foreign_keys",
    "CREATE TABLE notes (tenant_id uuid); ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
    " ALTER TABLE notes FORCE ROW LEVEL SECURITY": "row_security",
    "CREATE INDEX of_all ON popups (created_at)": "indexes",
    "CREATE INDEX lowered ON popups (tenant_id, lower(name))": "indexes",
    "CREATE INDEX documents ON row_history (tenant_id, before)": "indexes",
    "ALTER TABLE popups ADD price numeric(10, 2)": "types",
    "CREATE TYPE mood AS ENUM ('good'); ALTER TABLE popups ADD mood mood": "types",
    "CREATE TYPE mood AS ENUM ('good'); ALTER TABLE popups ADD moods mood[]": "types",
    "GRANT TRUNCATE ON popups TO product_app": "grants",
    "CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO product_app": "grants",
    "GRANT UPDATE (reason) ON audit_events TO product_worker": "grants",
    "GRANT DELETE ON row_history TO product_worker": "grants",
    "GRANT CREATE ON SCHEMA public TO product_worker": "privileges",
    "GRANT USAGE ON SCHEMA public TO PUBLIC": "privileges",
    "GRANT USAGE ON SCHEMA public TO identity_app": "privileges",
    "ALTER DEFAULT PRIVILEGES FOR ROLE product_owner GRANT SELECT ON TABLES TO product_app": (
        "privileges"
    ),
    "ALTER DEFAULT PRIVILEGES FOR ROLE product_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC": (
        "privileges"
    ),
    "GRANT SELECT ON popups TO PUBLIC": "grants",
    "GRANT UPDATE ON organizations TO product_app": "grants",
    "GRANT SELECT ON alembic_version TO product_app": "grants",
    "GRANT SELECT ON popups TO product_app WITH GRANT OPTION": "grants",
    "ALTER ROLE product_app BYPASSRLS": "roles",
    "ALTER ROLE product_owner LOGIN": "roles",
    "GRANT product_owner TO product_app": "roles",
    "GRANT product_app TO identity_app": "roles",
    "CREATE ROLE product_frontend LOGIN": "roles",
    "ALTER ROLE product_app RENAME TO application": "roles",
    "ALTER ROLE product_app SET app.current_tenant = '00000000-0000-0000-0000-000000000000'": (
        "role_settings"
    ),
    "ALTER ROLE product_worker SET search_path = pg_temp, public": "role_settings",
    "ALTER ROLE product_app RESET app.current_tenant": "loud",
    "GRANT CREATE ON SCHEMA public TO product_app": "roles",
    "ALTER TABLE popups OWNER TO product_app": "roles",
    "CREATE FUNCTION leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS"
    " $$ SELECT count(*) FROM popups $$": "definer_functions",
    "ALTER PROCEDURE admit RESET search_path": "definer_functions",
    "GRANT EXECUTE ON PROCEDURE admit TO PUBLIC": "definer_functions",
    "GRANT EXECUTE ON FUNCTION keep_ended TO PUBLIC": "functions",
    "ALTER FUNCTION trial_end LEAKPROOF": "functions",
    "GRANT EXECUTE ON FUNCTION set_config TO product_app": "set_config",
    "GRANT EXECUTE ON FUNCTION set_config TO PUBLIC": "set_config",
    "GRANT USAGE ON LANGUAGE plpgsql TO product_app": "do_blocks",
    "ALTER PROCEDURE admit SECURITY INVOKER": "definer_functions",
    "DROP PROCEDURE admit": "definer_functions",
    "GRANT EXECUTE ON FUNCTION found_organization TO product_worker": "definer_functions",
    "REVOKE EXECUTE ON PROCEDURE admit FROM product_app": "definer_functions",
    "DROP TRIGGER support_sessions_keep_ended ON support_sessions": "triggers",
    "ALTER TABLE popups DISABLE TRIGGER popups_history": "triggers",
    "ALTER TABLE popups DISABLE TRIGGER ALL": "triggers",
    "CREATE SCHEMA elsewhere": "strays",
    "CREATE OPERATOR = (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_ne)": "strays",
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


async def test_an_optional_reference_that_keeps_its_tenant_is_no_fault(
    admin: asyncpg.Connection,
) -> None:
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(f"{PARENT} {REFERENCE} ON DELETE SET NULL (parent)")
        assert (await faults(admin))["foreign_keys"] == []
    finally:
        await transaction.rollback()


def test_every_rule_has_a_fault() -> None:
    assert {rule.name for rule in RULES} - {"version"} == set(FAULTS.values())
