"""What was called a service account keeps its rows under its new name, down and up again."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from app.core.models import DATABASE, metadata
from shared_lib.ids import uuid7
from shared_lib.tables import catalogue_faults
from shared_lib.testing.postgres import Cluster

SERVICE = Path(__file__).parents[2]
BEFORE = "2026_11_20_accounts"


async def alembic(cluster: Cluster, database: str, *arguments: str) -> None:
    url = cluster.admin_url(database).replace("postgresql:", "postgresql+asyncpg:")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *arguments),
        cwd=SERVICE,
        env=os.environ | {"MIGRATION_DATABASE_URL": url, "MIGRATION_ROLE": "identity_owner"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_the_cores_secret_outlives_the_new_name(cluster: Cluster, own_database: str) -> None:
    await alembic(cluster, own_database, "downgrade", BEFORE)
    admin = await asyncpg.connect(cluster.admin_url(own_database))
    client_id = uuid7()
    await admin.execute(
        "INSERT INTO service_accounts (id, client_id, secret_hash, created_at, updated_at)"
        " VALUES ($1, 'product-core-api', sha256('kept'), now(), now())",
        client_id,
    )
    rows = "SELECT id FROM {} WHERE secret_hash = sha256('kept')"
    for _ in range(2):
        await alembic(cluster, own_database, "upgrade", "head")
        assert await admin.fetchval(rows.format("trusted_clients")) == client_id
        assert await admin.fetchval("SELECT count(*) FROM service_accounts") == 0
        assert await catalogue_faults(admin, metadata, DATABASE) == []
        await alembic(cluster, own_database, "downgrade", BEFORE)
        assert await admin.fetchval(rows.format("service_accounts")) == client_id
    await admin.close()
