"""The loader of demo data, started as a process: for development only, and repeatable."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from shared_lib.demo import ORGANIZATIONS, member_address
from shared_lib.testing.postgres import Cluster

pytestmark = pytest.mark.database

ROOT = Path(__file__).parents[1]


@pytest.fixture
async def clone(cluster: Cluster) -> AsyncIterator[str]:
    async with cluster.clone() as name:
        yield name


async def load(cluster: Cluster, database: str, environment: str | None) -> tuple[int, str]:
    url = cluster.admin_url(database).replace("postgresql:", "postgresql+asyncpg:")
    variables = {name: value for name, value in os.environ.items() if name != "ENVIRONMENT"}
    variables |= {"MIGRATION_DATABASE_URL": url, "MIGRATION_ROLE": "product_owner"}
    if environment is not None:
        variables["ENVIRONMENT"] = environment
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.demo"),
        cwd=ROOT,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.parametrize("environment", ["production", "staging", "", "Development", None])
async def test_nothing_is_loaded_outside_development(
    cluster: Cluster, clone: str, environment: str | None
) -> None:
    status, output = await load(cluster, clone, environment)
    assert status == 2, output
    assert "development" in output
    admin = await asyncpg.connect(cluster.admin_url(clone))
    assert await admin.fetchval("SELECT count(*) FROM organizations") == 0
    await admin.close()


async def test_loading_again_keeps_what_people_changed(cluster: Cluster, clone: str) -> None:
    assert await load(cluster, clone, "development") == (0, "")
    admin = await asyncpg.connect(cluster.admin_url(clone))
    slugs = "SELECT slug FROM organizations ORDER BY slug"
    assert [row["slug"] for row in await admin.fetch(slugs)] == sorted([*ORGANIZATIONS, "public"])
    each = "SELECT count(*) FROM popups GROUP BY tenant_id"
    popups = [row["count"] for row in await admin.fetch(each)]
    assert len(popups) == len(ORGANIZATIONS) + 1
    assert min(popups) >= 3
    owners = "SELECT email FROM members WHERE role = 'owner' AND active ORDER BY email"
    assert [row["email"] for row in await admin.fetch(owners)] == sorted(
        member_address("owner", slug) for slug in ORGANIZATIONS
    )
    await admin.execute("UPDATE members SET active = false")
    await admin.execute("UPDATE organizations SET name = 'Renamed' WHERE slug = 'acme'")
    await admin.execute("UPDATE popups SET name = 'Renamed'")
    assert await load(cluster, clone, "development") == (0, "")
    name = "SELECT name FROM organizations WHERE slug = 'acme'"
    assert await admin.fetchval(name) == "Renamed"
    assert await admin.fetchval("SELECT count(*) FROM popups WHERE name <> 'Renamed'") == 0
    assert [row["count"] for row in await admin.fetch(each)] == popups
    assert await admin.fetch(owners) == []
    unforced = (
        "SELECT count(*) FROM pg_class WHERE relname IN ('organizations', 'members', 'popups')"
        " AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert await admin.fetchval(unforced) == 0
    await admin.close()
