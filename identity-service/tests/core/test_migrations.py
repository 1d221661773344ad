"""The migrations make what the models declare, on an empty database and on one with rows."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from app.core.models import DATABASE
from app.modules.models import metadata
from shared_lib.ids import uuid7
from shared_lib.tables import catalogue_faults, role_faults
from shared_lib.testing.postgres import Cluster

ROOT = Path(__file__).parents[2]
FIRST = "2026_11_20_first"
BEFORE_MEMBERS = "2026_11_20_jobs"


async def alembic(cluster: Cluster, database: str, *arguments: str) -> None:
    url = cluster.admin_url(database).replace("postgresql:", "postgresql+asyncpg:")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *arguments),
        cwd=ROOT,
        env=os.environ | {"MIGRATION_DATABASE_URL": url, "MIGRATION_ROLE": "identity_owner"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def faults(cluster: Cluster, database: str) -> list[str]:
    url = cluster.url(database, "identity_app").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        found = await role_faults(connection)
        return found + await catalogue_faults(connection, metadata, DATABASE)
    finally:
        await connection.close()


async def ours(admin: asyncpg.Connection) -> set[str]:
    """Relations, routines, policies, triggers, and who may do what: each as one text."""
    rows = await admin.fetch(
        "SELECT relname || ' ' || coalesce(relacl::text, '') AS line FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT attrelid::regclass || '.' || attname || ' ' || coalesce(attacl::text, '')"
        " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attnum > 0"
        " AND NOT attisdropped AND relnamespace = 'public'::regnamespace"
        " UNION SELECT oid::regprocedure || ' ' || coalesce(proacl::text, '') || md5(prosrc)"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " UNION SELECT tablename || policyname || cmd || coalesce(qual, '') FROM pg_policies"
        " UNION SELECT tgrelid::regclass || tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    return {row["line"] for row in rows}


async def test_down_and_up_again(cluster: Cluster, own_database: str) -> None:
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    before = await ours(admin)
    await alembic(cluster, own_database, "downgrade", "base")
    assert {line for line in await ours(admin) if not line.startswith("alembic_version")} == set()
    await alembic(cluster, own_database, "upgrade", "head")
    assert await ours(admin) == before
    assert await faults(cluster, own_database) == []
    await admin.close()


async def test_each_step_back_leaves_what_was_before_it(
    cluster: Cluster, own_database: str
) -> None:
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    await alembic(cluster, own_database, "downgrade", BEFORE_MEMBERS)
    after = await ours(admin)
    await alembic(cluster, own_database, "downgrade", "base")
    await alembic(cluster, own_database, "upgrade", BEFORE_MEMBERS)
    assert await ours(admin) == after
    await admin.close()


async def test_rows_of_the_first_revision_live_through_all_others(
    cluster: Cluster, own_database: str
) -> None:
    await alembic(cluster, own_database, "downgrade", "base")
    await alembic(cluster, own_database, "upgrade", FIRST)
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    tenant_id, person_id = uuid7(), uuid7()
    await admin.execute("INSERT INTO tenants VALUES ($1, 'acme', 'Acme', 'active', 3)", tenant_id)
    await admin.execute(
        "INSERT INTO people (id, email, name, verified_at, last_tenant_id, created_at, updated_at)"
        " VALUES ($1, 'Ada@example.com', 'Ada', now(), $2, now(), now())",
        person_id,
        tenant_id,
    )
    await admin.execute(
        "INSERT INTO memberships (tenant_id, person_id, role, created_at, updated_at)"
        " VALUES ($1, $2, 'owner', now(), now())",
        tenant_id,
        person_id,
    )
    await alembic(cluster, own_database, "upgrade", "head")
    row = await admin.fetchrow(
        "SELECT m.role, m.active, m.version, m.tokens_not_before, p.email, t.version, t.founded"
        " FROM memberships m JOIN people p ON p.id = m.person_id JOIN tenants t"
        " ON t.id = m.tenant_id WHERE m.tenant_id = $1",
        tenant_id,
    )
    assert tuple(row) == ("owner", True, 1, None, "Ada@example.com", 3, False)
    assert await faults(cluster, own_database) == []
    await alembic(cluster, own_database, "downgrade", FIRST)
    assert await admin.fetchval("SELECT role FROM memberships") == "owner"
    await admin.close()
