"""The platform in numbers, held against organizations that a test has made by hand."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.modules.organizations import repository
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import make_settings
from tests.operations import SupportSession
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database

EMPTY = {
    "organizations": {
        "total": 0,
        "by_status": {"active": 0, "suspended": 0, "deleting": 0, "purged": 0},
        "by_access_mode": {"active": 0, "read_only": 0, "blocked": 0},
        "new_in_7_days": 0,
        "new_in_30_days": 0,
        "trials_ending_in_7_days": 0,
    },
    "members": {"active": 0},
    "support_sessions": {"live": 0},
}
DAY = timedelta(days=1)


@pytest.fixture
async def own(cluster: Cluster) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """A database of one's own, without organizations."""
    async with cluster.clone() as name:
        connection = await asyncpg.connect(cluster.admin_url(name))
        yield name, connection
        await connection.close()


@pytest.fixture
async def platform(
    cluster: Cluster, own: tuple[str, asyncpg.Connection], issuer: TokenIssuer
) -> AsyncIterator[httpx.AsyncClient]:
    """A platform admin on that database."""
    async with serve(make_settings(cluster, own[0], issuer.issuer)) as client:
        client.headers["Authorization"] = f"Bearer {issuer.platform()}"
        yield client


async def insert(
    admin: asyncpg.Connection,
    *,
    status: str = "active",
    paid: bool = False,
    age: timedelta = 90 * DAY,
    ends_in: timedelta | None = None,
) -> Any:
    tenant_id, now = uuid7(), utc_now()
    await admin.execute(
        "INSERT INTO organizations (tenant_id, slug, name, status, paid, trial_ends_at,"
        " support_access, created_at, updated_at, version)"
        " VALUES ($1, $2, 'x', $3, $4, $5, 'off', $6, $6, 1)",
        *(tenant_id, f"org-{tenant_id.hex}", status, paid),
        *(None if ends_in is None else now + ends_in, now - age),
    )
    return tenant_id


async def stats(client: httpx.AsyncClient) -> Any:
    response = await client.get("/api/v1/admin/stats")
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_empty_platform(platform: httpx.AsyncClient) -> None:
    assert await stats(platform) == EMPTY


async def test_every_number(
    platform: httpx.AsyncClient, own: tuple[str, asyncpg.Connection]
) -> None:
    _, admin = own
    paying = await insert(admin, paid=True)
    await insert(admin, paid=True, ends_in=3 * DAY, age=10 * DAY)  # its trial does not matter
    await insert(admin, ends_in=6.9 * DAY, age=6 * DAY)
    await insert(admin, ends_in=7.1 * DAY, age=29 * DAY)
    over = await insert(admin, ends_in=-DAY, age=31 * DAY)
    await insert(admin)
    await insert(admin, status="suspended", ends_in=DAY, age=DAY)
    await insert(admin, status="deleting", ends_in=DAY, age=DAY)
    for age in (DAY, 60 * DAY):  # T33
        await insert(admin, status="purged", paid=True, ends_in=DAY, age=age)
    await SupportSession(paying).insert(admin)
    await SupportSession(over, length=timedelta(minutes=60)).insert(admin)
    await SupportSession(paying, ended=True).insert(admin)
    await SupportSession(paying, age=timedelta(hours=2)).insert(admin)
    for tenant_id, active in ((paying, True), (paying, True), (over, True), (over, False)):
        await admin.execute(
            "INSERT INTO members (tenant_id, person_id, name, email, role, active, version,"
            " updated_at) VALUES ($1, $2, 'x', 'x@example.com', 'viewer', $3, 1, now())",
            *(tenant_id, uuid7(), active),
        )
    assert await stats(platform) == {
        "organizations": {
            "total": 8,
            "by_status": {"active": 6, "suspended": 1, "deleting": 1, "purged": 2},
            "by_access_mode": {"active": 4, "read_only": 2, "blocked": 2},
            "new_in_7_days": 2,
            "new_in_30_days": 4,
            "trials_ending_in_7_days": 1,
        },
        "members": {"active": 3},
        "support_sessions": {"live": 2},
    }


def nodes(plan: dict[str, Any]) -> list[str]:
    below = [kind for child in plan.get("Plans", []) for kind in nodes(child)]
    return [plan["Node Type"], *below]


async def test_ten_thousand_organizations_are_one_pass_over_their_table(
    platform: httpx.AsyncClient, own: tuple[str, asyncpg.Connection]
) -> None:
    _, admin = own
    await admin.execute(
        "INSERT INTO organizations (tenant_id, slug, name, status, paid, trial_ends_at,"
        " support_access, created_at, updated_at, version) SELECT gen_random_uuid(), 's' || n,"
        " 'n', 'active', n % 3 = 0, now() + (n % 60 - 30) * interval '1 day', 'off',"
        " now() - n * interval '10 minutes', now(), 1 FROM generate_series(1, 10000) n"
    )
    await admin.execute("ANALYZE organizations")
    counts = (await stats(platform))["organizations"]
    assert counts["total"] == sum(counts["by_access_mode"].values()) == 10_000
    statement = repository._COUNT
    explained = await admin.fetchval(
        f"EXPLAIN (FORMAT JSON, VERBOSE) {statement.sql}", *statement.arguments({})
    )
    assert nodes(json.loads(explained)[0]["Plan"]) == ["Aggregate", "Seq Scan"]
    assert "access_mode" not in explained  # it is part of the plan, and called for no row


def test_it_is_for_the_platforms_admins(application: FastAPI) -> None:
    described = application.openapi()["paths"]["/api/v1/admin/stats"]["get"]
    assert described["x-access"]["permissions"] == ["stats:read"]
