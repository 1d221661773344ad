"""Routes as users of the core write them, on a plain router, are as safe as our own."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.database import AsyncSession, current_tenant_id, get_db, get_db_no_rls
from app.core.middleware import (
    RoleChecker,
    TokenData,
    get_current_admin,
    get_current_user,
    require_admin,
)
from app.modules.models import Organization, Popup
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.tenancy import TenantTransaction
from tests.conftest import Tenant
from tests.transactions.conftest import Serve, serve_core

__all__ = ["serve_core"]

pytestmark = pytest.mark.database
router = APIRouter(prefix="/users-own")
nested = APIRouter(prefix="/nested", dependencies=[Depends(require_admin)])


def new_popup(tenant_id: UUID, slug: str) -> Popup:
    now = utc_now()
    return Popup(
        tenant_id=tenant_id,
        id=uuid7(),
        name=slug,
        slug=slug,
        status="draft",
        created_at=now,
        updated_at=now,
    )


@router.get("/popups")
async def list_names(
    db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> list[str]:
    return list(await db.scalars(select(Popup.name).order_by(Popup.name)))


@router.post("/popups/{slug}")
async def add(
    slug: str, db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> dict[str, Any]:
    assert user.tenant_id is not None
    db.add(new_popup(user.tenant_id, slug))
    return {"slug": slug, "tenant": current_tenant_id.get()}


@router.post("/popups-elsewhere/{tenant_id}")
async def add_elsewhere(
    tenant_id: UUID,
    db: AsyncSession = Depends(get_db),
    user: TokenData = Depends(get_current_user),
) -> None:
    db.add(new_popup(tenant_id, "planted"))


@router.post("/commits")
async def commits(
    db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> None:
    await db.commit()


@router.post("/commits-sync")
async def commits_sync(
    db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> None:
    await db.run_sync(lambda session: session.commit())


@router.post("/commits-tx")
async def commits_tx(tx: TenantTransaction, user: TokenData = Depends(get_current_user)) -> None:
    await tx.commit()


@router.post("/rolls-back/{slug}")
async def rolls_back(
    slug: str, db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> list[str]:
    """The familiar way to survive a duplicate: roll back and go on."""
    assert user.tenant_id is not None
    try:
        db.add_all([new_popup(user.tenant_id, slug), new_popup(user.tenant_id, slug)])
        await db.flush()
    except IntegrityError:
        await db.rollback()
    db.add(new_popup(user.tenant_id, "after-rollback"))
    await db.flush()
    return list(await db.scalars(select(Popup.slug)))


@router.post("/savepoint/{slug}")
async def savepoint(
    slug: str, db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> list[str]:
    assert user.tenant_id is not None
    db.add(new_popup(user.tenant_id, slug))
    try:
        async with db.begin_nested():
            db.add(new_popup(user.tenant_id, slug))
    except IntegrityError:
        pass
    return list(await db.scalars(select(Popup.slug)))


@router.post("/refuses/{slug}")
async def refuses(
    slug: str, db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> None:
    assert user.tenant_id is not None
    db.add(new_popup(user.tenant_id, slug))
    await db.flush()
    raise HTTPException(409, "out_of_stock")


@router.get("/no-sql", dependencies=[Depends(RoleChecker(["standard", "owner"]))])
async def no_sql() -> str:
    return "admitted"


@router.post("/of-anybody")
async def of_anybody(user: TokenData = Depends(get_current_user)) -> str:
    return "done"


@router.get("/admins")
async def admins(user: TokenData = Depends(get_current_admin)) -> str:
    return str(user.role)


@router.get("/organizations")
async def organizations(
    db: AsyncSession = Depends(get_db_no_rls),
    user: TokenData = Depends(RoleChecker(["platform_admin"])),
) -> list[UUID]:
    return list(await db.scalars(select(Organization.tenant_id)))


@router.get("/business-data")
async def business_data(
    db: AsyncSession = Depends(get_db_no_rls),
    user: TokenData = Depends(RoleChecker(["platform_admin"])),
) -> list[str]:
    return list(await db.scalars(select(Popup.name)))


@nested.get("/inner")
async def inner(user: TokenData = Depends(get_current_user)) -> str:
    return "inner"


router.include_router(nested)


@pytest.fixture
async def core(serve_core: Serve) -> AsyncIterator[httpx.AsyncClient]:
    async with serve_core(router, database_pool_size=1) as client:
        yield client


async def call(
    core: httpx.AsyncClient, tenant: Tenant, method: str, path: str, role: str = "owner"
) -> httpx.Response:
    return await core.request(method, f"/users-own{path}", headers=tenant.headers(role))


async def test_organizations_are_kept_apart(
    core: httpx.AsyncClient, tenant: Tenant, other: Tenant
) -> None:
    added = await call(core, tenant, "POST", "/popups/mine")
    assert added.json() == {"slug": "mine", "tenant": str(tenant.id)}
    assert (await call(core, tenant, "GET", "/popups")).json() == ["mine"]
    assert (await call(core, other, "GET", "/popups")).json() == []
    planted = await call(core, tenant, "POST", f"/popups-elsewhere/{other.id}")
    assert planted.status_code >= 400
    assert (await call(core, other, "GET", "/popups")).json() == []


async def test_guards_refuse(core: httpx.AsyncClient, tenant: Tenant) -> None:
    assert (await core.get("/users-own/popups")).json()["detail"] == "missing_token"
    refused = await call(core, tenant, "GET", "/admins", role="viewer")
    assert (refused.status_code, refused.json()["detail"]) == (403, "missing_permission")
    assert (await call(core, tenant, "GET", "/admins", role="admin")).json() == "admin"
    refused = await call(core, tenant, "GET", "/nested/inner", role="standard")
    assert refused.status_code == 403
    assert (await call(core, tenant, "GET", "/nested/inner")).json() == "inner"
    person = {"Authorization": f"Bearer {tenant.issuer.person()}"}
    nowhere = await core.get("/users-own/popups", headers=person)
    assert (nowhere.status_code, nowhere.json()["detail"]) == (403, "tenant_required")


async def test_a_handler_without_sql_is_refused_for_a_revoked_token(
    core: httpx.AsyncClient, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    sid = uuid4()
    headers = tenant.headers(sid=sid)
    assert (await core.get("/users-own/no-sql", headers=headers)).json() == "admitted"
    await admin.execute(
        "INSERT INTO revocations VALUES ($1, 'session', $2, NULL, now(), now())", sid, UUID(int=0)
    )
    refused = await core.get("/users-own/no-sql", headers=headers)
    assert (refused.status_code, refused.json()["detail"]) == (401, "token_revoked")


@pytest.mark.parametrize("path", ["/commits", "/commits-sync", "/commits-tx"])
async def test_nobody_commits_by_hand(core: httpx.AsyncClient, tenant: Tenant, path: str) -> None:
    assert (await call(core, tenant, "POST", path)).status_code == 500
    assert (await call(core, tenant, "GET", "/popups")).status_code == 200


async def test_rollback_undoes_and_leaves_a_session_of_the_same_tenant(
    core: httpx.AsyncClient, tenant: Tenant, other: Tenant
) -> None:
    await call(core, other, "POST", "/popups/theirs")
    answer = await call(core, tenant, "POST", "/rolls-back/twice")
    assert answer.json() == ["after-rollback"]
    assert (await call(core, tenant, "GET", "/popups")).json() == ["after-rollback"]


async def test_savepoints_work(core: httpx.AsyncClient, tenant: Tenant) -> None:
    assert (await call(core, tenant, "POST", "/savepoint/once")).json() == ["once"]
    assert (await call(core, tenant, "GET", "/popups")).json() == ["once"]


async def test_a_refusal_undoes_what_was_flushed(core: httpx.AsyncClient, tenant: Tenant) -> None:
    refused = await call(core, tenant, "POST", "/refuses/never")
    assert (refused.status_code, refused.json()["detail"]) == (409, "out_of_stock")
    assert (await call(core, tenant, "GET", "/popups")).json() == []


async def test_a_failing_flush_at_the_end_is_no_success(
    core: httpx.AsyncClient, tenant: Tenant
) -> None:
    assert (await call(core, tenant, "POST", "/popups/same")).status_code == 200
    assert (await call(core, tenant, "POST", "/popups/same")).status_code == 500
    assert (await call(core, tenant, "GET", "/popups")).json() == ["same"]


async def test_a_failing_commit_is_no_success(
    core: httpx.AsyncClient, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    await admin.execute("""
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'never'; END $$;
        CREATE CONSTRAINT TRIGGER never AFTER INSERT ON popups
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION never();
    """)
    try:
        assert (await call(core, tenant, "POST", "/popups/lost")).status_code == 500
    finally:
        await admin.execute("DROP TRIGGER never ON popups; DROP FUNCTION never()")
    assert (await call(core, tenant, "GET", "/popups")).json() == []


async def test_the_platform_sees_organizations_and_no_business_data(
    core: httpx.AsyncClient, tenant: Tenant
) -> None:
    staff = {"Authorization": f"Bearer {tenant.issuer.platform()}"}
    seen = await core.get("/users-own/organizations", headers=staff)
    assert str(tenant.id) in seen.json()
    assert (await core.get("/users-own/business-data", headers=staff)).status_code >= 400
    refused = await call(core, tenant, "GET", "/organizations")
    assert (refused.status_code, refused.json()["detail"]) == (403, "missing_permission")


async def test_staff_use_routes_of_anybody_and_are_told_of(
    core: httpx.AsyncClient, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    agent = uuid4()
    staff = {"Authorization": f"Bearer {tenant.issuer.platform(sub=agent)}"}
    done = await core.post("/users-own/of-anybody", headers=staff)
    assert done.json() == "done"
    events = await admin.fetch("SELECT outcome FROM audit_events WHERE actor_id = $1", agent)
    assert [event["outcome"] for event in events] == ["succeeded"]
