"""Connections that were refused, cancelled or cut serve the next request like new ones."""

import asyncio
import random

import asyncpg
import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import AsyncSession, get_db
from app.core.middleware import get_current_user
from app.modules.models import Popup
from tests.conftest import MakeOrganization, Tenant
from tests.transactions.conftest import Serve

pytestmark = pytest.mark.database


async def test_a_refused_admission_poisons_no_connection(
    serve_core: Serve, make_tenant: MakeOrganization
) -> None:
    blocked = await make_tenant(status="suspended")
    over = await make_tenant(paid=False)
    healthy = await make_tenant()
    async with serve_core(database_pool_size=1) as client:
        for _ in range(5):
            refused = await client.get("/api/v1/popups", headers=blocked.headers())
            assert (refused.status_code, refused.json()["detail"]) == (403, "tenant_blocked")
            refused = await client.post(
                "/api/v1/popups", headers=over.headers(), json={"name": "No"}
            )
            assert (refused.status_code, refused.json()["detail"]) == (403, "read_only")
            served = await client.get("/api/v1/popups", headers=healthy.headers())
            assert served.status_code == 200


# T1
async def test_a_recycled_connection_carries_nothing_over(
    serve_core: Serve, tenant: Tenant, other: Tenant
) -> None:
    await tenant.call("POST", "/popups", json={"name": "Mine"})
    async with serve_core(database_pool_size=1) as client:
        for _ in range(3):
            mine = await client.get("/api/v1/popups", headers=tenant.headers())
            assert [popup["name"] for popup in mine.json()["results"]] == ["Mine"]
            theirs = await client.get("/api/v1/popups", headers=other.headers())
            assert theirs.json()["results"] == []


async def test_a_migration_under_a_running_service_costs_one_retry(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    """The connection had prepared the statement for the columns as they were."""
    change = "ALTER TABLE popups ALTER COLUMN tagline TYPE {}"
    async with serve_core(database_pool_size=1) as client:
        headers = tenant.headers()
        assert (await client.get("/api/v1/popups", headers=headers)).status_code == 200
        await admin.execute(change.format("varchar"))
        try:
            answer = await client.get("/api/v1/popups", headers=headers)
            assert (answer.status_code, answer.json()["detail"]) == (503, "database_unavailable")
            assert answer.headers["retry-after"]
            assert (await client.get("/api/v1/popups", headers=headers)).status_code == 200
        finally:
            await admin.execute(change.format("text"))


async def test_requests_cancelled_anywhere_harm_nobody(
    serve_core: Serve, tenant: Tenant, other: Tenant
) -> None:
    await tenant.call("POST", "/popups", json={"name": "Mine"})
    chance = random.Random(7)
    async with serve_core(database_pool_size=2) as client:

        async def once(number: int) -> None:
            caller = tenant if number % 2 else other
            answer = await client.get("/api/v1/popups", headers=caller.headers())
            assert answer.status_code == 200
            names = [popup["name"] for popup in answer.json()["results"]]
            assert names == (["Mine"] if number % 2 else [])

        async def cancelled(number: int) -> None:
            task = asyncio.create_task(once(number))
            await asyncio.sleep(chance.random() / 50)
            task.cancel()
            if number % 5 == 0:
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None

        for start in range(0, 200, 20):
            await asyncio.gather(*(cancelled(start + n) for n in range(20)))
            await asyncio.gather(*(once(n) for n in range(4)))


async def test_connections_that_the_server_cut_are_replaced(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    async with serve_core(database_pool_size=2) as client:
        for _ in range(3):
            answers = await asyncio.gather(
                *(client.get("/api/v1/popups", headers=tenant.headers()) for _ in range(4))
            )
            assert {answer.status_code for answer in answers} == {200}
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'product_app' AND datname = current_database()"
            )


async def test_who_waits_too_long_for_a_connection_is_told_to_come_back(
    serve_core: Serve, tenant: Tenant
) -> None:
    held, release = asyncio.Event(), asyncio.Event()
    router = APIRouter()

    @router.get("/held", dependencies=[Depends(get_current_user)])
    async def hold(db: AsyncSession = Depends(get_db)) -> int:
        held.set()
        await release.wait()
        return int((await db.execute(text("SELECT 1"))).scalar_one())

    async with serve_core(router, database_pool_size=1, database_pool_timeout=0.2) as client:
        holder = asyncio.create_task(client.get("/held", headers=tenant.headers()))
        await held.wait()
        waiting = await client.get("/api/v1/popups", headers=tenant.headers())
        assert (waiting.status_code, waiting.json()["detail"]) == (503, "database_unavailable")
        assert waiting.headers["retry-after"]
        release.set()
        assert (await holder).status_code == 200
        served = await client.get("/api/v1/popups", headers=tenant.headers())
        assert served.status_code == 200


async def test_a_connection_that_was_kept_is_dead_when_its_request_is_over(
    serve_core: Serve, tenant: Tenant, other: Tenant
) -> None:
    """Even while the next organization has a session over the very same one."""
    await tenant.call("POST", "/popups", json={"name": "Mine"})
    kept: list[AsyncConnection] = []
    held, release = asyncio.Event(), asyncio.Event()
    router = APIRouter()

    @router.get("/keeps", dependencies=[Depends(get_current_user)])
    async def keep(db: AsyncSession = Depends(get_db)) -> list[str]:
        kept.append(await db.connection())
        return list(await db.scalars(select(Popup.name)))

    @router.get("/pauses", dependencies=[Depends(get_current_user)])
    async def pause(db: AsyncSession = Depends(get_db)) -> list[str]:
        await db.scalars(select(Popup.name))
        held.set()
        await release.wait()
        return list(await db.scalars(select(Popup.name)))

    async with serve_core(router, database_pool_size=1) as client:
        assert (await client.get("/keeps", headers=other.headers())).json() == []
        theirs = asyncio.create_task(client.get("/pauses", headers=tenant.headers()))
        await held.wait()
        with pytest.raises(SQLAlchemyError):
            await kept[0].execute(select(Popup.name))
        release.set()
        assert (await theirs).json() == ["Mine"]
        with pytest.raises(SQLAlchemyError):
            await kept[0].execute(select(Popup.name))
        assert (await client.get("/api/v1/popups", headers=tenant.headers())).status_code == 200


@pytest.mark.parametrize(
    "request_id",
    [
        "'; SET LOCAL app.current_tenant = '00000000-0000-0000-0000-000000000000",
        "x'; DROP TABLE popups; --",
        "$$",
        "a" * 65,
        "\\'",
    ],
)
async def test_a_request_id_never_becomes_sql(tenant: Tenant, request_id: str) -> None:
    headers = [*tenant.headers().items(), ("X-Request-ID", request_id)]
    answer = await tenant.client.get("/api/v1/popups", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] != request_id


async def test_the_row_history_names_the_request(tenant: Tenant, admin: asyncpg.Connection) -> None:
    answer = await tenant.call("POST", "/popups", json={"name": "Traced"})
    row = await admin.fetchrow(
        "SELECT * FROM row_history WHERE request_id = $1", answer.headers["x-request-id"]
    )
    found = (row["tenant_id"], row["table_name"], row["operation"])
    assert found == (tenant.id, "popups", "INSERT")
