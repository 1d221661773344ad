"""What no resource uses yet and a later one may declare: ORM work, audited calls, redact."""

from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import APIRouter, Depends, Response
from sqlalchemy import Uuid, bindparam, func, select
from sqlalchemy.orm import Session

from app.core.access import require_permission
from app.core.middleware import get_current_user
from app.modules.models import Popup
from shared_lib.ids import uuid7
from shared_lib.tables import Statement
from shared_lib.tenancy import TenantTransaction, UserTransaction
from shared_lib.testing.postgres import Cluster
from shared_lib.web import Json
from tests.audit_events.trail import told
from tests.conftest import Tenant
from tests.test_user_routes import new_popup
from tests.transactions.conftest import Serve

pytestmark = pytest.mark.database

_COUNT: Statement[int] = Statement(
    select(func.count())
    .select_from(Popup)
    .where(Popup.tenant_id == bindparam("tenant_id", type_=Uuid)),
    int,
)
_WHO: Statement[UUID] = Statement(select(bindparam("person_id", type_=Uuid)), lambda who: who)


def orm_router() -> APIRouter:
    router = APIRouter(tags=["popups"])

    def add(session: Session, tenant_id: UUID) -> list[str]:
        session.add(new_popup(tenant_id, "by-orm"))
        session.flush()
        return list(session.scalars(select(Popup.slug)))

    @router.post("/orm", dependencies=[require_permission("popups", "write")])
    async def work(tx: TenantTransaction) -> Response:
        slugs = await tx.orm(lambda session: add(session, tx.tenant_id))
        return Json([slugs, await tx.one(_COUNT)])

    @router.get("/orm-reads", dependencies=[require_permission("popups", "read")])
    async def read(tx: TenantTransaction) -> Response:
        return Json(await tx.orm(lambda session: add(session, tx.tenant_id)))

    @router.post("/orm-unflushed", dependencies=[require_permission("popups", "write")])
    async def unflushed(tx: TenantTransaction) -> Response:
        await tx.orm(lambda session: session.add(new_popup(tx.tenant_id, "at-commit")))
        return Json("done")

    return router


async def test_orm_work_is_of_the_same_transaction(
    serve_core: Serve, tenant: Tenant, other: Tenant
) -> None:
    async with serve_core(orm_router(), database_pool_size=1) as client:
        worked = await client.post("/orm", headers=tenant.headers())
        assert worked.json() == [["by-orm"], 1]
        assert (await client.post("/orm", headers=other.headers())).json() == [["by-orm"], 1]
        assert (await client.post("/orm", headers=tenant.headers())).status_code == 500  # a slug
        refused = await client.get("/orm-reads", headers=tenant.headers())
        assert (refused.status_code, refused.json()["detail"]) == (403, "read_only")
        assert (await client.post("/orm-unflushed", headers=tenant.headers())).json() == "done"
        listed = (await client.get("/api/v1/popups", headers=tenant.headers())).json()["results"]
    assert sorted(popup["slug"] for popup in listed) == ["at-commit", "by-orm"]


async def test_an_audited_operation_is_told_of_for_everybody(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    router = APIRouter(tags=["popups"])

    @router.get("/told", dependencies=[require_permission("popups", "read", audited=True)])
    async def export_popups() -> str:
        return "done"

    async with serve_core(router) as client:
        done = await client.get("/told", headers=tenant.headers("viewer"))
        refused = await client.get("/told", headers=tenant.headers("client"))
    assert (done.json(), refused.status_code) == ("done", 403)
    for answer, outcome, code in (
        (done, "succeeded", None),
        (refused, "refused", "missing_permission"),
    ):
        (event,) = await told(admin, answer)
        assert (event["action"], event["tenant_id"]) == ("popups.export", tenant.id)
        assert (event["outcome"], event["code"]) == (outcome, code)


async def test_a_transaction_of_a_person_binds_the_person(
    serve_core: Serve, tenant: Tenant
) -> None:
    router = APIRouter(tags=["me"])

    @router.get("/who", dependencies=[Depends(get_current_user)])
    async def who(tx: UserTransaction) -> Response:
        return Json(await tx.one(_WHO))

    person = uuid4()
    async with serve_core(router) as client:
        assert (await client.get("/who", headers=tenant.headers(sub=person))).json() == str(person)


async def test_redacted_columns_are_not_copied(cluster: Cluster) -> None:
    tenant_id, popup_id = uuid7(), uuid7()
    async with cluster.clone() as name:
        connection = await asyncpg.connect(cluster.admin_url(name))
        await connection.execute(
            "DROP TRIGGER popups_history ON popups;"
            "CREATE TRIGGER popups_history AFTER INSERT OR DELETE OR UPDATE ON popups"
            " FOR EACH ROW EXECUTE FUNCTION record_row_history('tagline', 'location')"
        )
        await connection.execute(
            "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
            " created_at, updated_at, version)"
            " VALUES ($1, 'o', 'O', 'active', true, 'off', now(), now(), 1)",
            tenant_id,
        )
        await connection.execute(
            "INSERT INTO popups (tenant_id, id, name, slug, tagline, location, status,"
            " created_at, updated_at)"
            " VALUES ($1, $2, 'N', 'n', 'secret', 'secret', 'draft', now(), now())",
            tenant_id,
            popup_id,
        )
        await connection.execute("DELETE FROM popups")
        rows = await connection.fetch(
            "SELECT operation, before::text || '', after::text || '', row_id FROM row_history"
            " WHERE table_name = 'popups' ORDER BY changed_at"
        )
        await connection.close()
    assert [(row["operation"], row["row_id"]) for row in rows] == [
        ("INSERT", popup_id),
        ("DELETE", popup_id),
    ]
    copied = f"{rows[0][2]} {rows[1][1]}"
    assert '"name": "N"' in copied
    assert "secret" not in copied
