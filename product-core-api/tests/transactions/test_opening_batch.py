"""Nothing but UUIDs and integers enters the batch; refusals leave the connection as it was."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import APIRouter, Response
from sqlalchemy import text

from app.core.access import require_permission
from shared_lib.tables import Statement
from shared_lib.tenancy import Settings, TenantTransaction, call, literal, opening_batch
from shared_lib.web import Json
from tests.conftest import MakeOrganization, Tenant
from tests.transactions.conftest import Serve

_BACKEND: Statement[int] = Statement(text("SELECT pg_backend_pid()"), int)
_AGAIN: Statement[int] = Statement(text("CALL public.admit(0, 1, 7, NULL, NULL, 0, NULL)"), int)


class Sly(str):
    """A text that calls itself a UUID's hex."""

    __slots__ = ()

    hex = "'; DROP TABLE popups; --"


@pytest.mark.parametrize(
    "hostile", ["'; SELECT 1", "", b"x", 1.5, Sly("x"), object(), [uuid4()], datetime.now(UTC)]
)
def test_only_uuids_and_integers_are_literals(hostile: object) -> None:
    with pytest.raises(TypeError):
        literal(hostile)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        call("admit", hostile)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        opening_batch(Settings(tenant=hostile), reads_only=True)  # type: ignore[arg-type]


def test_every_setting_is_always_named() -> None:
    tenant = UUID(int=7)
    batch = opening_batch(
        Settings(tenant=tenant), reads_only=True, admission=call("admit", True, 3)
    )
    assert batch.startswith("BEGIN READ ONLY; ")
    assert f"SET LOCAL app.current_tenant = '{tenant}'; " in batch
    for absent in ("current_person", "current_actor", "support_session", "request_id"):
        assert f"SET LOCAL app.{absent} = ''; " in batch
    assert batch.endswith("CALL admit(1, 3)")


@pytest.mark.database
async def test_every_kind_of_refusal_leaves_the_backend_in_service(
    serve_core: Serve, make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    healthy = await make_tenant()
    blocked, over = await make_tenant(status="suspended"), await make_tenant(paid=False)
    revoked = uuid4()
    await admin.execute(
        "INSERT INTO revocations VALUES ($1, 'session', $2, NULL, now(), now())",
        revoked,
        UUID(int=0),
    )
    support = healthy.issuer.support(tenant_id=healthy.id)
    refusals = {
        "tenant_blocked": ("GET", blocked.headers()),
        "read_only": ("POST", over.headers()),
        "token_revoked": ("GET", healthy.headers(sid=revoked)),
    }
    router = APIRouter(tags=["popups"])

    @router.get("/backend", dependencies=[require_permission("popups", "read")])
    async def backend(tx: TenantTransaction) -> Response:
        return Json(await tx.one(_BACKEND))

    async with serve_core(router, database_pool_size=1) as client:
        pid = (await client.get("/backend", headers=healthy.headers())).json()
        for code, (method, headers) in refusals.items():
            refused = await client.request(
                method, "/api/v1/popups", headers=headers, json={"name": "x"}
            )
            assert refused.json()["detail"] == code
            again = await client.get("/backend", headers=healthy.headers())
            assert again.json() == pid
        headers = {"Authorization": f"Bearer {support}"}
        refused = await client.get("/api/v1/popups", headers=headers)
        assert refused.json()["detail"] == "token_revoked"
        assert (await client.get("/backend", headers=healthy.headers())).json() == pid


@pytest.mark.database
async def test_an_admission_that_breaks_costs_its_connection_only(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    async with serve_core(database_pool_size=1) as client:
        await admin.execute("ALTER TABLE revocations RENAME TO elsewhere")
        try:
            broken = await client.get("/api/v1/popups", headers=tenant.headers())
            assert (broken.status_code, broken.json()["detail"]) == (500, "internal_error")
        finally:
            await admin.execute("ALTER TABLE elsewhere RENAME TO revocations")
        healed = await client.get("/api/v1/popups", headers=tenant.headers())
        assert healed.status_code == 200


@pytest.mark.database
async def test_a_transaction_is_admitted_once(serve_core: Serve, tenant: Tenant) -> None:
    router = APIRouter(tags=["popups"])

    @router.get("/again", dependencies=[require_permission("popups", "read")])
    async def again(tx: TenantTransaction) -> Response:
        return Json(await tx.execute(_AGAIN))

    async with serve_core(router) as client:
        assert (await client.get("/again", headers=tenant.headers())).status_code == 500


@pytest.mark.database
async def test_a_trial_ends_between_two_requests(
    make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    trial = await make_tenant(paid=False, trial_ends_at=datetime.now(UTC) + timedelta(days=1))
    assert (await trial.call("POST", "/popups", json={"name": "In time"})).status_code == 201
    await admin.execute(
        "UPDATE organizations SET trial_ends_at = now() WHERE tenant_id = $1", trial.id
    )
    late = await trial.call("POST", "/popups", json={"name": "Late"})
    assert (late.status_code, late.json()["detail"]) == (403, "read_only")
    assert (await trial.call("GET", "/popups")).status_code == 200
