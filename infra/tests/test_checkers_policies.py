"""pgrls and squawk: each fails on one fault, on a silent change, and on nothing to read."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import asyncpg
import pytest

from infra.checkers import pgrls, squawk
from infra.checkers.databases import services
from infra.checkers.findings import Accepted
from infra.checkers.migrations import Migration, migrations_of, split
from infra.checkers.policy_changes import policy_changes, statements, unlisted
from infra.dev.postgres import EmbeddedPostgres
from infra.postgres import roles

OWN = "tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)"
TABLE = """
CREATE TABLE popups (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id));
ALTER TABLE popups ENABLE ROW LEVEL SECURITY;
ALTER TABLE popups FORCE ROW LEVEL SECURITY;
"""
MakeDatabase = Callable[[str], str]


@pytest.fixture
def database(server: EmbeddedPostgres) -> MakeDatabase:
    """A database in which a script was run."""

    def make(sql: str) -> str:
        name = f"checked_{uuid4().hex}"

        async def prepare() -> None:
            admin = await asyncpg.connect(server.admin_url())
            await admin.execute(f"CREATE DATABASE {name}")
            await admin.close()
            admin = await asyncpg.connect(server.admin_url(name))
            await admin.execute(sql)
            await admin.close()

        asyncio.run(prepare())
        return server.admin_url(name)

    return make


def policy(condition: str) -> str:
    return f"{TABLE} CREATE POLICY p ON popups USING ({condition}) WITH CHECK ({condition});"


@pytest.mark.database
def test_a_policy_that_is_true_is_found(database: MakeDatabase) -> None:
    url = database(policy("true"))
    rules = {fault.split(" at ")[0] for fault in pgrls.lint("product", url, Accepted()).faults}
    assert {"SEC008", "SEC038"} <= rules
    proof = pgrls.verify("product", url, "anon", Accepted())
    assert any(fault.startswith("leak at public.popups.p: ") for fault in proof.faults)


@pytest.mark.database
@pytest.mark.parametrize("mode", ["cross-tenant", "write"])
def test_a_policy_of_the_own_tenant_is_proved_and_no_other(
    database: MakeDatabase, mode: str
) -> None:
    proved = pgrls.verify("product", database(policy(OWN)), mode, Accepted())
    assert proved.faults == ()
    assert "1 of 1 policies proved" in proved.says
    leaking = pgrls.verify("product", database(policy(f"{OWN} OR id IS NULL")), mode, Accepted())
    assert any(" at public.popups.p: " in fault for fault in leaking.faults)


@pytest.mark.database
def test_a_database_without_policies_is_told(database: MakeDatabase) -> None:
    url = database("SELECT 1")
    assert "it looked at nothing: no policies" in pgrls.lint("product", url, Accepted()).faults
    assert pgrls.verify("product", url, "anon", Accepted()).faults == (
        "it looked at nothing: no proofs",
    )


def migration(sql: str) -> Migration:
    settings = "SET lock_timeout = '5s'; SET statement_timeout = '60s';"
    return Migration("product", "2030_01_01_faulty", f"{settings} BEGIN; {sql}; COMMIT;")


def test_an_index_that_locks_is_found() -> None:
    faulty = migration("CREATE INDEX ix_popups_name ON popups (name)")
    check = squawk.check("product", [faulty], Accepted())[0]
    assert check.faults[0].startswith(
        "require-concurrent-index-creation at product/2030_01_01_faulty: "
    )


@pytest.mark.parametrize(
    "change",
    [
        "CREATE POLICY popups_all ON popups USING (true)",
        "DROP POLICY popups_app ON popups",
        "ALTER POLICY popups_app ON popups USING (true)",
        "ALTER TABLE popups NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE popups DISABLE ROW LEVEL SECURITY",
        "GRANT TRUNCATE ON popups TO product_app",
        "REVOKE SELECT ON popups FROM product_app",
        "ALTER TABLE popups OWNER TO product_app",
        "ALTER ROLE product_app BYPASSRLS",
    ],
)
def test_a_silent_change_of_rights_is_told(change: str) -> None:
    check = squawk.check("product", [migration(change)], Accepted())[1]
    assert f"{change}; (not in policies/product.sql)" in check.faults
    assert not any("squawk sees" in fault for fault in check.faults)


def test_a_change_that_is_not_there_any_more_is_told() -> None:
    faults = squawk.policies("product", [], 0).faults
    assert "it looked at nothing" in faults
    assert "-- 2026_11_20_first (only in policies/product.sql)" in faults


def test_changes_that_squawk_does_not_see_are_told() -> None:
    faulty = migration("CREATE POLICY popups_all ON popups USING (true)")
    assert "squawk sees 0 changes of policies, the list has 1" in (
        squawk.policies("product", [faulty], 0).faults
    )


def test_no_migrations_are_told() -> None:
    assert "it looked at nothing" in squawk.check("identity", [], Accepted())[0].faults


def test_statements_end_at_their_own_semicolons() -> None:
    sql = "A ';' \"a;b\" $$ x; $$ $b$ $$; $b$; -- c;\nB /* ; */ b;"
    assert list(statements(sql)) == ["A ';' \"a;b\" $$ x; $$ $b$ $$; $b$", "B b"]


def test_functions_of_their_owner_count_without_their_bodies() -> None:
    sql = "CREATE FUNCTION f() RETURNS int\nSECURITY DEFINER AS $$ SELECT 1; $$; SELECT 1;"
    assert policy_changes(sql) == ["CREATE FUNCTION f() RETURNS int SECURITY DEFINER AS $…$"]


@pytest.mark.parametrize("database", roles.DATABASES)
def test_the_lists_of_the_project_are_up_to_date(database: str) -> None:
    migrations = migrations_of(database, services()[database])
    assert migrations[0].sql.startswith(f'SET ROLE "{database}_owner";')
    assert unlisted(database, migrations) == []


def test_what_alembic_writes_is_split_by_revision() -> None:
    sql = (
        "SET a;\n\nBEGIN;\n\nCREATE TABLE alembic_version ();\n\n-- Running upgrade  -> one\n\n"
        "X;\n\nCOMMIT;\n\nBEGIN;\n\n-- Running upgrade one -> two\n\nY;\n\nCOMMIT;\n\n"
    )
    found = {each.revision: " ".join(each.sql.split()) for each in split("product", sql)}
    assert found == {"one": "SET a; BEGIN; X; COMMIT;", "two": "SET a; BEGIN; Y; COMMIT;"}
