"""The wall itself: what the role of requests can reach by SQL, whatever the code above it does."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.modules.models import Popup
from shared_lib.tables import Kind, declared_tables
from shared_lib.testing.postgres import Cluster
from tests.conftest import MakeOrganization
from tests.operations import World, make_world

pytestmark = pytest.mark.database

TENANT_TABLES = sorted(
    name
    for name, isolation in declared_tables(Popup.metadata).items()
    if isolation.kind is Kind.TENANT
)
# Statements with the tenant as $1; verbs that are not here are granted to nobody who asks.
INSERTS = {
    "audit_events": (
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, resource, outcome,"
        " client_ip, user_agent, request_id)"
        " VALUES ($1, gen_random_uuid(), now(), 'a.b', 'a', 'succeeded', '', '', '')"
    ),
    "jobs": (
        "INSERT INTO jobs (tenant_id, id, kind, arguments, run_at)"
        " VALUES ($1, gen_random_uuid(), 'x', '{}', now())"
    ),
    "members": (
        "INSERT INTO members (tenant_id, person_id, name, email, role, active, version, updated_at)"
        " VALUES ($1, gen_random_uuid(), 'x', 'x', 'owner', true, 1, now())"
    ),
    "organizations": (
        "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
        " created_at, updated_at, version) VALUES"
        " ($1, gen_random_uuid(), 'x', 'active', true, 'off', now(), now(), 1)"
    ),
    "popups": (
        "INSERT INTO popups (tenant_id, id, name, slug, status, created_at, updated_at)"
        " VALUES ($1, gen_random_uuid(), 'x', gen_random_uuid()::text, 'draft', now(), now())"
    ),
    "row_history": (
        "INSERT INTO row_history (tenant_id, id, table_name, row_id, operation, changed_at)"
        " VALUES ($1, gen_random_uuid(), 'popups', gen_random_uuid(), 'INSERT', now())"
    ),
    "support_sessions": (
        "INSERT INTO support_sessions (tenant_id, id, agent_id, agent_sid, role, mode, reason,"
        " started_at, expires_at) VALUES ($1, gen_random_uuid(), gen_random_uuid(),"
        " gen_random_uuid(), 'support', 'read_only', 'ten letters', now(), now())"
    ),
}
UPDATES = {
    "audit_events": "UPDATE audit_events SET reason = 'x' WHERE tenant_id = $1",
    "jobs": "UPDATE jobs SET run_at = now() WHERE tenant_id = $1",
    "members": "UPDATE members SET role = 'owner' WHERE tenant_id = $1",
    "organizations": "UPDATE organizations SET name = 'x' WHERE tenant_id = $1",
    "popups": "UPDATE popups SET name = 'x' WHERE tenant_id = $1",
    "row_history": "UPDATE row_history SET table_name = 'x' WHERE tenant_id = $1",
    "support_sessions": "UPDATE support_sessions SET ended_at = now() WHERE tenant_id = $1",
}
# What role product_app may do with its own organization's rows, written by hand.
ALLOWED = {
    "audit_events": {"SELECT", "INSERT"},
    "jobs": {"INSERT"},
    "members": {"SELECT"},
    "organizations": {"SELECT", "UPDATE"},
    "popups": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "row_history": {"SELECT"},
    "support_sessions": {"SELECT", "UPDATE"},
}


# Where the role may read some columns only.
READABLE = {"organizations": "tenant_id, name, status, paid, version"}


def statement(table: str, verb: str) -> str:
    return {
        "SELECT": f"SELECT {READABLE.get(table, '*')} FROM {table} WHERE tenant_id = $1",  # noqa: S608
        "INSERT": INSERTS[table],
        "UPDATE": UPDATES[table],
        "DELETE": f"DELETE FROM {table} WHERE tenant_id = $1",  # noqa: S608
    }[verb]


@pytest.fixture
async def app_role(cluster: Cluster, database_name: str) -> AsyncIterator[asyncpg.Connection]:
    """Role `product_app` in a transaction without a tenant, undone at the end."""
    url = cluster.url(database_name, "product_app").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.fixture
async def worlds(admin: asyncpg.Connection, make_tenant: MakeOrganization) -> tuple[World, World]:
    return await make_world(admin, await make_tenant()), await make_world(
        admin, await make_tenant()
    )


async def enter(connection: asyncpg.Connection, tenant_id: UUID) -> None:
    await connection.execute(f"SET LOCAL app.current_tenant = '{tenant_id}'")


async def touched(connection: asyncpg.Connection, table: str, verb: str, tenant_id: UUID) -> int:
    """How many rows of `tenant_id` the statement reached; raises what PostgreSQL refuses with."""
    nested = connection.transaction()
    await nested.start()
    try:
        sql = statement(table, verb)
        if verb == "SELECT":
            return len(await connection.fetch(sql, tenant_id))
        return int((await connection.execute(sql, tenant_id)).rpartition(" ")[2])
    finally:
        await nested.rollback()


def test_every_tenant_table_is_tried() -> None:
    assert set(TENANT_TABLES) == set(INSERTS) == set(UPDATES) == set(ALLOWED)


# T4
async def test_the_role_of_requests_is_bound(app_role: asyncpg.Connection) -> None:
    row = await app_role.fetchrow(
        "SELECT rolname, rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class"
        " WHERE relowner = r.oid) AS owned FROM pg_roles r WHERE rolname = current_user"
    )
    assert tuple(row) == ("product_app", False, False, 0)


@pytest.mark.parametrize("table", TENANT_TABLES)
@pytest.mark.parametrize("verb", ["SELECT", "INSERT", "UPDATE", "DELETE"])
async def test_only_rows_of_the_tenant_and_only_what_is_granted(
    app_role: asyncpg.Connection, worlds: tuple[World, World], table: str, verb: str
) -> None:
    own, theirs = worlds
    await enter(app_role, own.tenant.id)
    if verb not in ALLOWED[table]:
        for tenant_id in (own.tenant.id, theirs.tenant.id):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                await touched(app_role, table, verb, tenant_id)
        return
    assert await touched(app_role, table, verb, own.tenant.id) > 0
    if verb == "INSERT":
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await touched(app_role, table, verb, theirs.tenant.id)
        return
    assert await touched(app_role, table, verb, theirs.tenant.id) == 0


@pytest.mark.parametrize("table", [name for name in TENANT_TABLES if "SELECT" in ALLOWED[name]])
async def test_no_condition_at_all_shows_own_rows_only(
    app_role: asyncpg.Connection, worlds: tuple[World, World], table: str
) -> None:
    own, _ = worlds
    await enter(app_role, own.tenant.id)
    rows = await app_role.fetch(f"SELECT tenant_id FROM {table}")  # noqa: S608
    assert {row["tenant_id"] for row in rows} == {own.tenant.id}


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_without_a_tenant_every_verb_fails_loudly(
    app_role: asyncpg.Connection, worlds: tuple[World, World], table: str
) -> None:
    for verb in ALLOWED[table]:
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await touched(app_role, table, verb, worlds[0].tenant.id)


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_rows_cannot_be_moved_to_another_tenant(
    app_role: asyncpg.Connection, worlds: tuple[World, World], table: str
) -> None:
    own, theirs = worlds
    await enter(app_role, own.tenant.id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app_role.execute(f"UPDATE {table} SET tenant_id = '{theirs.tenant.id}'")  # noqa: S608


@pytest.mark.parametrize("table", ["revocations", "stored_key_sets", "alembic_version"])
async def test_tables_of_nobodys_are_out_of_reach(app_role: asyncpg.Connection, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app_role.fetch(f"SELECT * FROM {table}")  # noqa: S608


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_nothing_can_be_truncated(app_role: asyncpg.Connection, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app_role.execute(f"TRUNCATE {table} CASCADE")


# T2
async def test_an_expression_cannot_switch_the_tenant(
    app_role: asyncpg.Connection, worlds: tuple[World, World]
) -> None:
    await enter(app_role, worlds[0].tenant.id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app_role.fetch(
            "SELECT set_config('app.current_tenant', $1, true)", str(worlds[1].tenant.id)
        )


async def test_foreign_keys_between_tenant_tables_carry_the_tenant(
    admin: asyncpg.Connection,
) -> None:
    """Their checks bypass row level security, so the key itself must keep tenants apart."""
    keys = await admin.fetch(
        "SELECT c.conname, (SELECT array_agg(a.attname::text) FROM unnest(c.conkey, c.confkey)"
        " AS pair (here, there) JOIN pg_attribute a ON a.attrelid = c.conrelid"
        " AND a.attnum = pair.here JOIN pg_attribute b ON b.attrelid = c.confrelid"
        " AND b.attnum = pair.there WHERE a.attname = 'tenant_id' AND b.attname = 'tenant_id')"
        " AS tenant FROM pg_constraint c WHERE c.contype = 'f'"
        " AND c.conrelid::regclass::text = ANY ($1) AND c.confrelid::regclass::text = ANY ($1)",
        TENANT_TABLES,
    )
    assert {key["conname"] for key in keys} >= {"fk_popups_tenant_id"}
    assert [key["conname"] for key in keys if key["tenant"] != ["tenant_id"]] == []


async def test_keys_and_indexes_lead_with_the_tenant(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        "SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_attribute a"
        " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid::regclass::text = ANY ($1) AND a.attname <> 'tenant_id'",
        TENANT_TABLES,
    )
    assert {row["name"] for row in rows} == {
        "uq_organizations_slug",  # names are unique in the whole product
        "ix_organizations_founder",  # the one that counts what a person founded
        "ix_organizations_newest",  # these: what staff look up across organizations
        "ix_audit_events_of_all",
        "ix_audit_events_of_actor",
        "ix_support_sessions_agent",
        "ix_support_sessions_live_sid",
        "ix_support_sessions_id",
        "ix_jobs_due",  # and this: what the worker takes next
    }


async def test_a_suspension_cannot_be_lifted_by_sql(
    app_role: asyncpg.Connection, make_tenant: MakeOrganization
) -> None:
    tenant = await make_tenant(status="suspended")
    await enter(app_role, tenant.id)
    first = ("founder_id = tenant_id", "first_owner_email = 'x'")
    columns = ("status = 'active'", "paid = true", "trial_ends_at = now()", "suspended_at = NULL")
    for change in (
        *first,
        *columns,
        "suspension_reason = NULL",
        "slug = 'x'",
        "created_at = now()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with app_role.transaction():
                await app_role.execute(f"UPDATE organizations SET {change}")  # noqa: S608
    assert await app_role.execute("UPDATE organizations SET name = 'Renamed'") == "UPDATE 1"


async def test_who_came_first_is_not_for_members(
    app_role: asyncpg.Connection, make_tenant: MakeOrganization
) -> None:
    await enter(app_role, (await make_tenant()).id)
    for columns in ("founder_id", "first_owner_email", "*"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with app_role.transaction():
                await app_role.fetch(f"SELECT {columns} FROM organizations")  # noqa: S608


async def test_a_support_session_cannot_be_lengthened_by_sql(
    app_role: asyncpg.Connection, worlds: tuple[World, World]
) -> None:
    await enter(app_role, worlds[0].tenant.id)
    for change in (
        *("expires_at = now() + interval '1 hour'", "mode = 'read_write'", "reason = 'another'"),
        *(f"agent_id = '{uuid4()}'", f"member_id = '{uuid4()}'", "role = 'owner'"),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with app_role.transaction():
                await app_role.execute(f"UPDATE support_sessions SET {change}")  # noqa: S608
