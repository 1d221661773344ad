"""Whatever rolls back in a user's route undoes; what comes too late is no success."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx
import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import select

from app.core.database import AsyncSession, get_db
from app.core.middleware import TokenData, get_current_user
from app.modules.models import Popup
from tests.conftest import Tenant
from tests.test_user_routes import new_popup
from tests.transactions.conftest import Serve, serve_core

__all__ = ["serve_core"]

pytestmark = pytest.mark.database
Work = Callable[[AsyncSession], Awaitable[object]]


class Mind(Exception):
    """Somebody changed it."""


async def in_sync(db: AsyncSession) -> None:
    await db.flush()
    await db.run_sync(lambda session: session.rollback())


async def on_connection(db: AsyncSession) -> None:
    await db.flush()
    await (await db.connection()).rollback()


async def plain(db: AsyncSession) -> None:
    await db.flush()
    await db.rollback()


UNDOES: dict[str, Work] = {
    "in_sync": in_sync,
    "on_connection": on_connection,
    "plain": plain,
}
router = APIRouter(prefix="/sessions")


@router.post("/undone/{how}")
async def undone(
    how: str, db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> list[str]:
    assert user.tenant_id is not None
    if how == "in_begin":
        with suppress(Mind):
            async with db.begin():
                db.add(new_popup(user.tenant_id, "undone"))
                await db.flush()
                raise Mind
    else:
        db.add(new_popup(user.tenant_id, "undone"))
        await UNDOES[how](db)
    return list(await db.scalars(select(Popup.slug)))


@router.post("/closed")
async def closed(
    db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> str:
    assert user.tenant_id is not None
    db.add(new_popup(user.tenant_id, "closed"))
    await db.flush()
    await db.close()
    return "closed"


async def late(
    db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> AsyncIterator[None]:
    yield
    assert user.tenant_id is not None
    db.add(new_popup(user.tenant_id, "late"))
    await db.flush()


@router.post("/late", dependencies=[Depends(late, scope="function")])
async def after_yield() -> str:
    return "early"


@router.get("/invalidates")
async def invalidates(
    db: AsyncSession = Depends(get_db), user: TokenData = Depends(get_current_user)
) -> list[str]:
    """Throws the admitted connection away and asks for rows all the same."""
    await db.scalars(select(Popup.name))
    await db.invalidate()
    return list(await db.scalars(select(Popup.name)))


@pytest.fixture
async def core(serve_core: Serve) -> AsyncIterator[httpx.AsyncClient]:
    async with serve_core(router, database_pool_size=1) as client:
        yield client


async def slugs(tenant: Tenant) -> list[str]:
    listed = await tenant.call("GET", "/popups")
    return [popup["slug"] for popup in listed.json()["results"]]


@pytest.mark.parametrize("how", ["in_begin", *UNDOES])
async def test_a_rollback_undoes(core: httpx.AsyncClient, tenant: Tenant, how: str) -> None:
    for _ in range(2):
        answer = await core.post(f"/sessions/undone/{how}", headers=tenant.headers())
        assert answer.json() == []
    assert await slugs(tenant) == []


async def test_closing_undoes(core: httpx.AsyncClient, tenant: Tenant) -> None:
    await core.post("/sessions/closed", headers=tenant.headers())
    assert await slugs(tenant) == []


async def test_what_comes_after_the_handler_is_no_success(
    core: httpx.AsyncClient, tenant: Tenant
) -> None:
    answer = await core.post("/sessions/late", headers=tenant.headers())
    assert answer.status_code == 500
    assert await slugs(tenant) == []


async def test_a_session_never_takes_a_connection_that_nobody_admitted(
    core: httpx.AsyncClient, tenant: Tenant
) -> None:
    for _ in range(3):  # of a pool of one
        assert (
            await core.get("/sessions/invalidates", headers=tenant.headers())
        ).status_code >= 500
    listed = await core.get("/api/v1/popups", headers=tenant.headers())
    assert listed.status_code == 200
