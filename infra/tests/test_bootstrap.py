"""Roles, privileges and secrets, on a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest

from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres
from infra.postgres import roles
from infra.postgres.bootstrap import bootstrap, create_roles, secure_database
from infra.postgres.secrets_file import passwords, read_variables, url_name
from infra.postgres.urls import driver_url
from shared_lib.audit import AuditKey

pytestmark = pytest.mark.database
R = TypeVar("R")
EVERY_ROLE = [role for prefix in roles.DATABASES for role in roles.all_roles(prefix)]
SERVICE_ROLES = [(prefix, role) for prefix in roles.DATABASES for role in roles.login_roles(prefix)]


class Prepared:
    """A bootstrapped server and its file of secrets."""

    def __init__(self, server: EmbeddedPostgres, secrets: Path) -> None:
        self.server = server
        self.secrets = secrets

    def prepare(self) -> list[str]:
        return asyncio.run(bootstrap(self.server.admin_url(), self.secrets))

    def as_admin(self, work: Callable[[Any], Awaitable[R]], database: str = "postgres") -> R:
        return self._with(self.server.admin_url(database), work)

    def as_role(self, role: str, work: Callable[[Any], Awaitable[R]], database: str = "") -> R:
        prefix = role.partition("_")[0]
        url = read_variables(self.secrets)[url_name(prefix, role)]
        return self._with(driver_url(url, database or prefix), work)

    @staticmethod
    def _with(url: str, work: Callable[[Any], Awaitable[R]]) -> R:
        async def run() -> R:
            connection = await asyncpg.connect(url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(run())


@pytest.fixture(scope="module")
def prepared(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    made = Prepared(server, tmp_path_factory.mktemp("bootstrap") / "data" / "secrets.env")
    made.prepare()
    return made


def test_the_file_holds_exactly_what_is_documented(prepared: Prepared) -> None:
    assert set(read_variables(prepared.secrets)) == {
        "CORE_APP_DATABASE_URL",
        "CORE_PLATFORM_DATABASE_URL",
        "CORE_WORKER_DATABASE_URL",
        "CORE_CLIENT_SECRET",
        "AUDIT_SIGNING_KEY",
        "CORE_AUDIT_PUBLIC_KEYS",
        "IDENTITY_APP_DATABASE_URL",
        "IDENTITY_AUTH_DATABASE_URL",
        "IDENTITY_PLATFORM_DATABASE_URL",
        "IDENTITY_WORKER_DATABASE_URL",
        "IDENTITY_ENCRYPTION_KEY",
        "IDENTITY_CORE_CLIENT_SECRET",
        "MIGRATION_PRODUCT_DATABASE_URL",
        "MIGRATION_IDENTITY_DATABASE_URL",
    }
    assert prepared.secrets.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in prepared.secrets.parent.iterdir()] == ["secrets.env"]


def test_both_services_share_one_client_secret_and_no_other(prepared: Prepared) -> None:
    values = read_variables(prepared.secrets)
    assert values.pop("IDENTITY_CORE_CLIENT_SECRET") == values["CORE_CLIENT_SECRET"]
    secrets = [urlsplit(v).password if "://" in v else v for k, v in values.items()]
    assert len(set(secrets)) == len(secrets) - 1  # the administrator's, for two databases
    assert all(secret and len(secret) >= 43 for secret in secrets)


def test_an_audit_key_that_was_taken_out_is_replaced_and_stays_known(prepared: Prepared) -> None:
    before = read_variables(prepared.secrets)
    key = AuditKey.from_setting(before["AUDIT_SIGNING_KEY"])
    assert before["CORE_AUDIT_PUBLIC_KEYS"] == key.public
    lines = [f"{k}={v}\n" for k, v in before.items() if k != "AUDIT_SIGNING_KEY"]
    prepared.secrets.write_text("".join(lines))
    prepared.prepare()
    after = read_variables(prepared.secrets)
    new = AuditKey.from_setting(after["AUDIT_SIGNING_KEY"])
    assert after["CORE_AUDIT_PUBLIC_KEYS"] == f"{new.public},{key.public}"
    assert new.public != key.public


def test_repeating_changes_nothing(prepared: Prepared) -> None:
    before = prepared.secrets.read_text()
    prepared.prepare()
    assert prepared.secrets.read_text() == before


def test_other_lines_of_the_file_are_kept(prepared: Prepared) -> None:
    with prepared.secrets.open("a") as file:
        file.write("CORE_ADDED_BY_HAND=kept\n")
    prepared.prepare()
    values = read_variables(prepared.secrets)
    assert values["CORE_ADDED_BY_HAND"] == "kept"
    prepared.secrets.write_text(
        "".join(f"{k}={v}\n" for k, v in values.items() if k != "CORE_ADDED_BY_HAND")
    )


def test_a_password_changed_on_the_server_is_set_again(prepared: Prepared) -> None:
    prepared.as_admin(lambda admin: admin.execute("ALTER ROLE product_app PASSWORD 'other'"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        prepared.as_role("product_app", lambda c: c.fetchval("SELECT 1"))
    prepared.prepare()
    assert prepared.as_role("product_app", lambda c: c.fetchval("SELECT 1")) == 1


@pytest.mark.parametrize(("prefix", "role"), SERVICE_ROLES)
def test_each_service_role_enters_its_own_database_only(
    prepared: Prepared, prefix: str, role: str
) -> None:
    assert prepared.as_role(role, lambda c: c.fetchval("SELECT current_user")) == role
    other = next(database for database in roles.DATABASES if database != prefix)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        prepared.as_role(role, lambda c: c.fetchval("SELECT 1"), database=other)


def test_roles_have_no_attribute_but_login(prepared: Prepared) -> None:
    rows = prepared.as_admin(
        lambda admin: admin.fetch("SELECT * FROM pg_roles WHERE rolname = ANY($1)", EVERY_ROLE)
    )
    assert {row["rolname"] for row in rows} == set(EVERY_ROLE)
    for row in rows:
        assert not any(row[column] for column in roles.ATTRIBUTES), row["rolname"]
        logs_in = not row["rolname"].endswith(("_owner", "_definer"))
        assert row["rolcanlogin"] is logs_in


def test_drift_is_corrected_and_memberships_are_reported(prepared: Prepared) -> None:
    drift = (
        "ALTER ROLE product_app BYPASSRLS CREATEDB INHERIT; ALTER ROLE product_owner LOGIN;"
        "GRANT product_platform TO product_app"
    )
    prepared.as_admin(lambda admin: admin.execute(drift))
    warnings = prepared.prepare()
    assert any("product_app was a member of product_platform" in text for text in warnings)
    test_roles_have_no_attribute_but_login(prepared)
    membership = (
        "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid IN (m.member, m.roleid) "
        "WHERE r.rolname = ANY($1)"
    )
    assert prepared.as_admin(lambda admin: admin.fetchval(membership, EVERY_ROLE)) == 0


@pytest.mark.parametrize(("prefix", "role"), SERVICE_ROLES)
@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE public.t (a int)",
        "CREATE TEMPORARY TABLE t (a int)",
        "CREATE SCHEMA s",
        "SET ROLE {prefix}_owner",
        "SET ROLE {prefix}_definer",
        "SET SESSION AUTHORIZATION postgres",
    ],
)
def test_service_roles_create_nothing_and_become_nobody(
    prepared: Prepared, prefix: str, role: str, sql: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        prepared.as_role(role, lambda c: c.execute(sql.format(prefix=prefix)))


@pytest.mark.parametrize(("prefix", "role"), SERVICE_ROLES)
def test_nobody_runs_do_blocks(prepared: Prepared, prefix: str, role: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="plpgsql"):
        prepared.as_role(role, lambda c: c.execute("DO $$ BEGIN END $$"))


@pytest.mark.parametrize(("prefix", "role"), SERVICE_ROLES)
def test_only_the_worker_may_call_set_config(prepared: Prepared, prefix: str, role: str) -> None:
    sql = "SELECT set_config('app.current_tenant', 'x', true)"
    if role == f"{prefix}_worker":
        assert prepared.as_role(role, lambda c: c.fetchval(sql)) == "x"
    else:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="set_config"):
            prepared.as_role(role, lambda c: c.fetchval(sql))


@pytest.mark.parametrize(("prefix", "role"), SERVICE_ROLES)
def test_context_is_empty_and_time_is_limited(prepared: Prepared, prefix: str, role: str) -> None:
    names = [*roles.CONTEXT, "statement_timeout", "idle_in_transaction_session_timeout"]
    select = ", ".join(f"current_setting('{name}')" for name in [*names, "lock_timeout"])
    row = prepared.as_role(role, lambda c: c.fetchrow(f"SELECT {select}"))
    statement_timeout = "30s" if role == f"{prefix}_worker" else "5s"
    lock_timeout = "3s" if role == f"{prefix}_app" else "0"
    assert tuple(row) == ("", "", "", "", "", statement_timeout, "10s", lock_timeout)


@pytest.mark.parametrize("database", roles.DATABASES)
def test_nothing_is_granted_to_public(prepared: Prepared, database: str) -> None:
    sql = """
        SELECT has_database_privilege('public', current_database(), 'CONNECT, CREATE, TEMPORARY')
            OR has_schema_privilege('public', 'public', 'USAGE, CREATE')
    """
    assert prepared.as_admin(lambda admin: admin.fetchval(sql), database) is False


@pytest.mark.parametrize("kind", ["owner", "definer"])
def test_new_functions_are_not_public(prepared: Prepared, kind: str) -> None:
    async def make(admin: Any) -> None:
        await admin.execute(
            f"SET ROLE product_{kind}; CREATE OR REPLACE FUNCTION public.made_by_{kind}() "
            "RETURNS int LANGUAGE sql AS 'SELECT 1'"
        )

    prepared.as_admin(make, "product")
    call = f"SELECT public.made_by_{kind}()"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        prepared.as_role("product_app", lambda c: c.fetchval(call))


def test_a_clone_is_closed_again(prepared: Prepared) -> None:
    async def clone(admin: Any) -> None:
        await admin.execute("DROP DATABASE IF EXISTS clone")
        await admin.execute("CREATE DATABASE clone TEMPLATE product")

    def temporary(role: str) -> Any:
        return prepared.as_role(role, lambda c: c.execute("CREATE TEMP TABLE t ()"), "clone")

    prepared.as_admin(clone)
    temporary("identity_app")  # what PUBLIC may do in any new database
    assert prepared.as_admin(lambda admin: secure_database(admin, "product"), "clone") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT"):
        temporary("identity_app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="temporary"):
        temporary("product_app")


def test_preparations_at_once_wait_for_each_other(prepared: Prepared) -> None:
    known = passwords(read_variables(prepared.secrets))

    async def one() -> None:
        admin = await asyncpg.connect(prepared.server.admin_url())
        await create_roles(admin, known)
        await admin.close()

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(4)))

    asyncio.run(many())


def test_an_administrator_who_is_no_superuser(tmp_path: Path) -> None:
    with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
        prepared = Prepared(server, tmp_path / "secrets.env")
        manager = "CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'p@ss:w/rd'"
        prepared.as_admin(lambda admin: admin.execute(manager))
        url = f"postgresql://manager:p%40ss%3Aw%2Frd@127.0.0.1:{server.port}/postgres"
        for _ in range(2):
            warnings = "\n".join(asyncio.run(bootstrap(url, prepared.secrets)))
            assert "Weaker mode: product_app, product_platform may call set_config" in warnings
            assert "app.* settings" in warnings
        assert prepared.as_role("product_app", lambda c: c.fetchval("SELECT 1")) == 1
        migration_url = read_variables(prepared.secrets)["MIGRATION_PRODUCT_DATABASE_URL"]

        async def migrate() -> str:
            connection = await asyncpg.connect(driver_url(migration_url))
            async with connection.transaction():
                await connection.execute("SET LOCAL ROLE product_owner")
                await connection.execute("CREATE TABLE made (a int)")
                await connection.execute("SET LOCAL ROLE product_definer")
                await connection.execute(
                    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
                )
            name = await connection.fetchval(
                "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'made'"
            )
            await connection.close()
            return str(name)

        assert asyncio.run(migrate()) == "product_owner"
