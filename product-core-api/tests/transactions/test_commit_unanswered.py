"""COMMIT whose answer is lost: the client is told that nobody knows, and a repeat finds out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends
from pydantic import SecretStr
from sqlalchemy import text

from app.core.database import AsyncSession, get_db
from app.core.middleware import get_current_user
from app.core.settings import CoreSettings
from shared_lib.ids import uuid7
from shared_lib.testing.proxy import Proxy, cuts_commit, passes, proxied
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import Tenant
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database

UNKNOWN = (503, "outcome_unknown")
AWAY = (503, "database_unavailable")


@asynccontextmanager
async def behind_a_proxy(
    settings: CoreSettings, *routers: APIRouter, url: str = "app_database_url"
) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient]]:
    """The core, one connection, and what that passes through."""
    direct: SecretStr = getattr(settings, url)
    async with proxied(direct.get_secret_value()) as proxy:
        changes = {url: SecretStr(proxy.url(direct.get_secret_value())), "database_pool_size": 1}
        async with serve(settings, *routers, **changes) as client:
            await proxy.cut()  # what the start has left in the pool
            yield proxy, client


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize("before", [False, True], ids=["committed", "never asked"])
async def test_a_repeat_under_its_key_happens_once(
    settings: CoreSettings, tenant: Tenant, admin: asyncpg.Connection, *, before: bool
) -> None:
    headers = {**tenant.headers(), "Idempotency-Key": str(uuid7())}
    async with behind_a_proxy(settings) as (proxy, client):

        async def create() -> httpx.Response:
            return await client.post("/api/v1/popups", headers=headers, json={"name": "Once"})

        proxy.behaviour = cuts_commit(before=before)
        lost = await create()
        assert told(lost) == UNKNOWN
        assert int(lost.headers["retry-after"]) > 0
        proxy.behaviour = passes
        repeated = await create()
        async with asyncio.timeout(30):
            # The server keeps the lock of the key until it notices that the connection is gone.
            while before and repeated.status_code == 409:
                assert told(repeated) == (409, "request_in_progress")
                await asyncio.sleep(0.05)
                repeated = await create()
        assert repeated.status_code == 201
        assert ("idempotency-replayed" in repeated.headers) is not before
    rows = "SELECT count(*) FROM popups WHERE tenant_id = $1"
    assert await admin.fetchval(rows, tenant.id) == 1


async def test_what_only_reads_may_just_be_asked_again(
    settings: CoreSettings, tenant: Tenant
) -> None:
    async with behind_a_proxy(settings) as (proxy, client):
        proxy.behaviour = cuts_commit()
        lost = await client.get("/api/v1/popups", headers=tenant.headers())
        assert told(lost) == AWAY
        proxy.behaviour = passes
        assert (await client.get("/api/v1/popups", headers=tenant.headers())).status_code == 200


async def test_a_connection_that_died_before_commit_has_done_nothing(
    settings: CoreSettings, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    router = APIRouter(tags=["popups"])

    @router.post("/dies", dependencies=[Depends(get_current_user)])
    async def die(db: AsyncSession = Depends(get_db)) -> str:
        await db.execute(text("UPDATE popups SET name = 'changed' WHERE true"))
        pid = (await db.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        raw: Any = await (await db.connection()).get_raw_connection()
        while not raw.driver_connection.is_closed():  # as long as our end has not heard of it
            await admin.execute("SELECT 1")
        return "done"

    async with serve(settings, router) as client:
        answer = await client.post("/dies", headers=tenant.headers())
        assert told(answer) == AWAY


async def test_staff_are_told_the_same(
    settings: CoreSettings, tenant: Tenant, issuer: TokenIssuer
) -> None:
    """Not that their change did not happen because it could not be audited."""
    headers = {"Authorization": f"Bearer {issuer.platform()}"}
    path = f"/api/v1/admin/orgs/{tenant.id}/suspend"
    async with behind_a_proxy(settings, url="platform_database_url") as (proxy, client):
        proxy.behaviour = cuts_commit()
        lost = await client.post(path, headers=headers, json={"reason": "Unpaid"})
        assert told(lost) == UNKNOWN
