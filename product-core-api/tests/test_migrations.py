"""The migrations make what the models declare, on an empty database and on one with rows."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from app.core.models import DATABASE
from app.modules.models import Popup
from shared_lib.tables import catalogue_faults, role_faults
from shared_lib.testing.postgres import Cluster
from tests.operations import SupportSession, insert_event, insert_popup

pytestmark = pytest.mark.database

ROOT = Path(__file__).parents[1]
FIRST = "2026_11_20_first"


@pytest.fixture
async def clone(cluster: Cluster) -> AsyncIterator[str]:
    async with cluster.clone() as name:
        yield name


async def alembic(cluster: Cluster, database: str, *arguments: str) -> tuple[int, str]:
    url = cluster.admin_url(database).replace("postgresql:", "postgresql+asyncpg:")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *arguments),
        cwd=ROOT,
        env=os.environ | {"MIGRATION_DATABASE_URL": url, "MIGRATION_ROLE": "product_owner"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def faults(cluster: Cluster, database: str) -> list[str]:
    url = cluster.url(database, "product_app").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        found = await role_faults(connection)
        return found + await catalogue_faults(connection, Popup.metadata, DATABASE)
    finally:
        await connection.close()


async def ours(admin: asyncpg.Connection) -> set[str]:
    """Names of all relations and routines of the schema."""
    rows = await admin.fetch(
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    return {row["name"] for row in rows}


async def test_models_and_migrations_agree(cluster: Cluster, clone: str) -> None:
    status, output = await alembic(cluster, clone, "check")
    assert status == 0, output
    assert "No new upgrade operations detected" in output
    assert await faults(cluster, clone) == []


async def test_down_and_up_again(cluster: Cluster, clone: str) -> None:
    admin = await asyncpg.connect(cluster.admin_url(clone))
    before = await ours(admin)
    assert {"popups", "admit", "access_mode", "record_row_history"} <= before
    status, output = await alembic(cluster, clone, "downgrade", "base")
    assert status == 0, output
    assert await ours(admin) == {"alembic_version", "alembic_version_pkc"}
    status, output = await alembic(cluster, clone, "upgrade", "head")
    assert status == 0, output
    assert await ours(admin) == before
    assert await faults(cluster, clone) == []
    await admin.close()


async def test_rows_of_the_first_revision_live_through_all_others(
    cluster: Cluster, clone: str
) -> None:
    for arguments in (("downgrade", "base"), ("upgrade", FIRST)):
        status, output = await alembic(cluster, clone, *arguments)
        assert status == 0, output
    admin = await asyncpg.connect(cluster.admin_url(clone))
    tenant_id = uuid4()
    await admin.execute(
        "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
        " created_at, updated_at, version)"
        " VALUES ($1, 'acme', 'Acme', 'active', true, 'off', now(), now(), 1)",
        tenant_id,
    )
    popup_id = await insert_popup(admin, tenant_id, "Night Library")
    event_id = await insert_event(admin, tenant_id, "x")
    session = await SupportSession(tenant_id).insert(admin)
    status, output = await alembic(cluster, clone, "upgrade", "head")
    assert status == 0, output
    for table, identity in (
        ("popups", popup_id),
        ("audit_events", event_id),
        ("support_sessions", session.id),
    ):
        found = f"SELECT tenant_id FROM {table} WHERE id = $1"  # noqa: S608
        assert await admin.fetchval(found, identity) == tenant_id
    assert await faults(cluster, clone) == []
    await admin.close()


async def test_there_is_one_head(cluster: Cluster, clone: str) -> None:
    status, output = await alembic(cluster, clone, "heads")
    assert status == 0, output
    assert output.count("(head)") == 1


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("ALTER TABLE popups NO FORCE ROW LEVEL SECURITY", "popups: row level security is not f"),
        ("ALTER TABLE popups DISABLE ROW LEVEL SECURITY", "popups: row level security is not e"),
        ("DROP POLICY popups_app ON popups", "policy popups.popups_app is missing"),
        ("CREATE POLICY all_ ON popups USING (true)", "policy popups.all_ is not declared"),
        ("GRANT TRUNCATE ON popups TO product_app", "TRUNCATE is not declared"),
        ("GRANT UPDATE ON organizations TO product_app", "UPDATE is not declared"),
        ("CREATE TABLE stray (id int)", "table stray is not declared"),
        ("CREATE VIEW peek AS SELECT * FROM popups", "table peek is not declared"),
        ("DROP TABLE stored_key_sets", "table stored_key_sets is missing"),
        ("GRANT SELECT ON popups TO PUBLIC", "popups"),
        ("GRANT SELECT ON popups TO product_platform", "popups to product_platform"),
    ],
)
async def test_the_gate_finds_what_a_migration_should_not_have_done(
    cluster: Cluster, clone: str, statement: str, fault: str
) -> None:
    admin = await asyncpg.connect(cluster.admin_url(clone))
    await admin.execute(statement)
    await admin.close()
    found = await faults(cluster, clone)
    assert any(fault in one for one in found), found
