"""Lists by cursor and single rows are read by an index, however many rows others have."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.core.settings import CoreSettings
from app.modules.popups import repository
from shared_lib.ids import uuid7
from shared_lib.postgres import driver_url
from shared_lib.testing.postgres import Cluster
from tests.conftest import MakeOrganization, Tenant, make_settings

pytestmark = pytest.mark.database

POPUPS = (
    "INSERT INTO popups (tenant_id, id, name, slug, status, created_at, updated_at)"
    " SELECT $1, gen_random_uuid(), 'Popup', 'popup-' || n, 'active', now() + n * interval '1 s',"
    " now() FROM generate_series(1, $2) n"
)

ORGANIZATION = (
    "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
    " created_at, updated_at, version)"
    " VALUES ($1::uuid, 'org-' || ($1::uuid)::text, 'Test', 'active', true, 'read_only',"
    " now(), now(), 1)"
)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def crowd(make_tenant: MakeOrganization, admin: asyncpg.Connection) -> Tenant:
    """One organization among some, with enough rows that reading all of them would not pay."""
    tenants = [await make_tenant() for _ in range(3)]
    for each in tenants:
        await admin.execute(POPUPS, each.id, 1500)
    await admin.execute("ANALYZE popups")
    return tenants[1]


async def plan(settings: CoreSettings, tenant: Tenant, statement: Any, **given: Any) -> Any:
    """How PostgreSQL runs `statement` for requests of `tenant`."""
    url = driver_url(settings.app_database_url.get_secret_value())
    async with connected(url) as connection, connection.transaction():
        await connection.execute(f"SET LOCAL app.current_tenant = '{tenant.id}'")
        arguments = statement.arguments({"tenant_id": tenant.id, **given})
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement.sql}", *arguments)
        return json.loads(text)[0]["Plan"]


def steps(node: Any) -> list[tuple[str, str]]:
    """Each step of a plan, with its index."""
    deeper = [step for child in node.get("Plans", ()) for step in steps(child)]
    return [(node["Node Type"], node.get("Index Name", "")), *deeper]


async def test_the_first_page_is_read_in_the_order_of_the_index(
    settings: CoreSettings, crowd: Tenant
) -> None:
    found = steps(await plan(settings, crowd, repository._LIST._first(21)))
    assert ("Index Scan", "ix_popups_newest") in found
    assert not [kind for kind, _ in found if "Sort" in kind or "Seq" in kind]


async def test_a_later_page_begins_where_the_one_before_ended(
    settings: CoreSettings, crowd: Tenant, admin: asyncpg.Connection
) -> None:
    last = await admin.fetchrow(
        "SELECT created_at, id FROM popups WHERE tenant_id = $1 ORDER BY created_at OFFSET 700",
        crowd.id,
    )
    given = {"after_created": last["created_at"], "after_id": last["id"]}
    whole = await plan(settings, crowd, repository._LIST._after(21), **given)
    assert ("Index Scan", "ix_popups_newest") in steps(whole)
    assert not [kind for kind, _ in steps(whole) if "Sort" in kind or "Seq" in kind]
    (scan,) = [each for each in walk(whole) if each.get("Index Name")]
    assert "created_at" in scan["Index Cond"]


async def test_a_page_is_planned_a_few_times_and_not_at_every_request(cluster: Cluster) -> None:
    """After five plans of its own, a statement gets one for good, where that is as good."""
    statement = repository._LIST._first(21)
    # Which it is, depends on who else has rows: so nobody else has.
    async with cluster.clone() as name, connected(cluster.admin_url(name)) as admin:
        tenants = [uuid7() for _ in range(3)]
        for tenant_id in tenants:
            await admin.execute(ORGANIZATION, tenant_id)
            await admin.execute(POPUPS, tenant_id, 1500)
        await admin.execute("ANALYZE popups")
        settings = make_settings(cluster, name, "https://identity.example.com")
        url = driver_url(settings.app_database_url.get_secret_value())
        async with connected(url) as connection, connection.transaction():
            await connection.execute(f"SET LOCAL app.current_tenant = '{tenants[0]}'")
            for _ in range(10):
                arguments = statement.arguments({"tenant_id": tenants[0]})
                await connection.fetch(statement.sql, *arguments)
            planned = await connection.fetchval(
                "SELECT custom_plans FROM pg_prepared_statements WHERE statement = $1",
                statement.sql,
            )
    assert planned == 5


def walk(node: Any) -> list[Any]:
    return [node, *(deeper for child in node.get("Plans", ()) for deeper in walk(child))]


async def test_one_popup_is_found_by_its_key(settings: CoreSettings, crowd: Tenant) -> None:
    found = steps(await plan(settings, crowd, repository._GET, popup_id=uuid7()))
    assert ("Index Scan", "pk_popups") in found
    assert not [kind for kind, _ in found if "Seq" in kind]
