"""A 2xx is sent only after COMMIT, and only for what COMMIT made true."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from fastapi import APIRouter, Response
from sqlalchemy import text

from app.core.access import require_permission
from shared_lib.tables import Statement
from shared_lib.tenancy import TenantTransaction
from shared_lib.web import Json
from tests.conftest import Tenant
from tests.transactions.conftest import Serve

pytestmark = pytest.mark.database

REFUSED = "refused at commit"
_READ: Statement[int] = Statement(text("SELECT 1"), int)
_WRONG: Statement[int] = Statement(text("SELECT 1 / 0"), int)
_WRITE: Statement[int] = Statement(
    text("UPDATE popups SET name = 'changed' WHERE tenant_id = tenant_id")
)


@pytest.fixture
async def failing_commit(admin: asyncpg.Connection) -> AsyncIterator[None]:
    """COMMIT fails for a popup whose name asks for it, and for no other."""
    await admin.execute(f"""
        CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'at commit'; END $$;
        CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT OR UPDATE ON popups
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name = '{REFUSED}')
        EXECUTE FUNCTION refuse_commit();
    """)
    yield
    await admin.execute("DROP TRIGGER refuse_commit ON popups; DROP FUNCTION refuse_commit()")


@pytest.mark.usefixtures("failing_commit")
async def test_a_commit_that_fails_is_500(tenant: Tenant) -> None:
    answer = await tenant.call("POST", "/popups", json={"name": REFUSED})
    assert (answer.status_code, answer.json()["detail"]) == (500, "internal_error")
    assert "at commit" not in answer.text
    assert (await tenant.call("GET", "/popups")).json()["results"] == []
    assert (await tenant.call("POST", "/popups", json={"name": "Fine"})).status_code == 201


async def test_an_error_that_the_handler_swallowed_is_500(
    serve_core: Serve, tenant: Tenant
) -> None:
    router = APIRouter(tags=["popups"])

    @router.post("/swallow", dependencies=[require_permission("popups", "write")])
    async def swallow(tx: TenantTransaction) -> Response:
        try:
            await tx.one(_WRONG)
        except asyncpg.DivisionByZeroError:
            return Json({"done": True})
        raise AssertionError

    async with serve_core(router, database_pool_size=1) as client:
        answer = await client.post("/swallow", headers=tenant.headers())
        assert answer.status_code == 500
        served = await client.get("/api/v1/popups", headers=tenant.headers())
        assert served.status_code == 200


async def test_a_write_in_an_operation_that_reads_is_refused_by_postgresql(
    serve_core: Serve, tenant: Tenant
) -> None:
    await tenant.call("POST", "/popups", json={"name": "Mine"})
    router = APIRouter(tags=["popups"])

    @router.get("/writes", dependencies=[require_permission("popups", "read")])
    async def writes(tx: TenantTransaction) -> Response:
        return Json(await tx.execute(_WRITE))

    async with serve_core(router) as client:
        answer = await client.get("/writes", headers=tenant.headers())
        assert (answer.status_code, answer.json()["detail"]) == (403, "read_only")


async def test_a_transaction_ends_with_its_request(serve_core: Serve, tenant: Tenant) -> None:
    kept = []
    router = APIRouter(tags=["popups"])

    @router.get("/keep", dependencies=[require_permission("popups", "read")])
    async def keep(tx: TenantTransaction) -> Response:
        kept.append(tx)
        return Json(await tx.one(_READ))

    async with serve_core(router) as client:
        assert (await client.get("/keep", headers=tenant.headers())).status_code == 200
        with pytest.raises(RuntimeError, match="has ended"):
            await kept[0].one(_READ)
