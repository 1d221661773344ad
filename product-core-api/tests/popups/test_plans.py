"""Lists by cursor and single rows are read by an index, however many rows others have."""

import json
from typing import Any

import asyncpg
import pytest

from app.core.settings import CoreSettings
from app.modules.popups import repository
from shared_lib.ids import uuid7
from shared_lib.postgres import driver_url
from tests.conftest import MakeOrganization, Tenant

pytestmark = pytest.mark.database

POPUPS = (
    "INSERT INTO popups (tenant_id, id, name, slug, status, created_at, updated_at)"
    " SELECT $1, gen_random_uuid(), 'Popup', 'popup-' || n, 'active', now() + n * interval '1 s',"
    " now() FROM generate_series(1, $2) n"
)


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
    connection = await asyncpg.connect(driver_url(settings.app_database_url.get_secret_value()))
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL app.current_tenant = '{tenant.id}'")
            arguments = statement.arguments({"tenant_id": tenant.id, **given})
            text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement.sql}", *arguments)
            return json.loads(text)[0]["Plan"]
    finally:
        await connection.close()


def steps(node: Any) -> list[tuple[str, str]]:
    """Each step of a plan, with its index."""
    deeper = [step for child in node.get("Plans", ()) for step in steps(child)]
    return [(node["Node Type"], node.get("Index Name", "")), *deeper]


async def test_the_first_page_is_read_in_the_order_of_the_index(
    settings: CoreSettings, crowd: Tenant
) -> None:
    found = steps(await plan(settings, crowd, repository._LIST._first, limit=21))
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
    whole = await plan(settings, crowd, repository._LIST._after, limit=21, **given)
    assert ("Index Scan", "ix_popups_newest") in steps(whole)
    assert not [kind for kind, _ in steps(whole) if "Sort" in kind or "Seq" in kind]
    (scan,) = [each for each in walk(whole) if each.get("Index Name")]
    assert "created_at" in scan["Index Cond"]


def walk(node: Any) -> list[Any]:
    return [node, *(deeper for child in node.get("Plans", ()) for deeper in walk(child))]


async def test_one_popup_is_found_by_its_key(settings: CoreSettings, crowd: Tenant) -> None:
    found = steps(await plan(settings, crowd, repository._GET, popup_id=uuid7()))
    assert ("Index Scan", "pk_popups") in found
    assert not [kind for kind, _ in found if "Seq" in kind]
