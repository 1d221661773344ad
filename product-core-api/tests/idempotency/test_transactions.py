"""Change and kept answer stand or fall together; seen with operations made for it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from fastapi import APIRouter, Depends, Response
from sqlalchemy import text
from starlette.responses import JSONResponse, StreamingResponse

from app.core.access import require_permission
from app.core.database import AsyncSession, get_db
from app.core.middleware import TokenData, get_current_user
from app.modules.models import Popup
from app.modules.popups import service
from app.modules.popups.schemas import PopupCreate
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.tables import Statement
from shared_lib.tenancy import TenantTransaction, UnsafeToStart, idempotent, not_idempotent
from shared_lib.web import Json
from tests.conftest import Tenant
from tests.idempotency.keyed import Keyed, count_popups, refusal, replayed, rows_of
from tests.transactions.conftest import Serve

pytestmark = pytest.mark.database

_BACKEND: Statement[int] = Statement(text("SELECT pg_backend_pid()"), int)
WRITES = require_permission("popups", "write")


class Story:
    """A router with one creating operation that does as a test wants between change and COMMIT."""

    def __init__(self) -> None:
        self.router = APIRouter(tags=["popups"])
        self.entered, self.go_on = asyncio.Event(), asyncio.Event()
        self.backend = 0
        self.calls = 0
        self.router.post(
            "/slow", dependencies=[WRITES, idempotent()], status_code=201, name="create_slowly"
        )(self.create)

    async def create(self, tx: TenantTransaction, new: PopupCreate) -> Response:
        self.calls += 1
        made = await service.create_popup(tx, new)
        self.backend = await tx.one(_BACKEND) or 0
        self.entered.set()
        await self.go_on.wait()
        return Json(made, status_code=201)


@pytest.fixture
async def story(serve_core: Serve, tenant: Tenant) -> AsyncIterator[tuple[Story, Keyed]]:
    told = Story()
    async with serve_core(told.router) as client:
        yield told, Keyed(tenant, client)


async def test_in_flight_is_told_at_once(story: tuple[Story, Keyed]) -> None:
    told, ann = story
    first = asyncio.create_task(ann.post({"name": "Harbour"}, "/slow"))
    await told.entered.wait()
    assert refusal(await ann.post({"name": "Harbour"}, "/slow")) == (409, "request_in_progress")
    told.go_on.set()
    assert (await first).status_code == 201
    assert replayed(await ann.post({"name": "Harbour"}, "/slow"))
    assert told.calls == 1


async def test_a_crash_before_commit_leaves_nothing(
    story: tuple[Story, Keyed], admin: asyncpg.Connection
) -> None:
    """The connection is killed when the popup is inserted and nothing is committed."""
    told, ann = story
    first = asyncio.create_task(ann.post({"name": "Harbour"}, "/slow"))
    await told.entered.wait()
    assert await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", told.backend)
    told.go_on.set()
    assert refusal(await first) == (503, "database_unavailable")
    assert await count_popups(admin, ann.tenant) == 0
    assert await rows_of(admin, ann.sub) == []
    again = await ann.post({"name": "Harbour"}, "/slow")
    assert (again.status_code, replayed(again)) == (201, False)
    assert await count_popups(admin, ann.tenant) == 1


async def test_a_client_who_goes_away_leaves_nothing_half_done(
    story: tuple[Story, Keyed], admin: asyncpg.Connection
) -> None:
    told, ann = story
    first = asyncio.create_task(ann.post({"name": "Harbour"}, "/slow"))
    await told.entered.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    told.go_on.set()
    assert await count_popups(admin, ann.tenant) == 0
    again = await ann.post({"name": "Harbour"}, "/slow")
    assert (again.status_code, replayed(again)) == (201, False)


async def test_a_commit_that_fails_keeps_no_answer(ann_refused: Keyed) -> None:
    """DEFERRABLE: it fails at COMMIT, behind the INSERT of the answer."""
    for _ in range(2):
        assert (await ann_refused.create("refused at commit")).status_code == 500


@pytest.fixture
async def ann_refused(tenant: Tenant, admin: asyncpg.Connection) -> AsyncIterator[Keyed]:
    name = f"refuse_{uuid4().hex}"
    await admin.execute(f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'at commit'; END $$;
        CREATE CONSTRAINT TRIGGER {name} AFTER INSERT ON popups
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.tenant_id = '{tenant.id}')
        EXECUTE FUNCTION {name}();
    """)
    ann = Keyed(tenant, tenant.client)
    yield ann
    assert await rows_of(admin, ann.sub) == []
    await admin.execute(f"DROP TRIGGER {name} ON popups; DROP FUNCTION {name}()")
    assert (await ann.create("refused at commit")).status_code == 201


async def test_who_was_second_after_all_changes_nothing(
    story: tuple[Story, Keyed], admin: asyncpg.Connection
) -> None:
    """Another replica's answer is committed between our look and our lock: the key is taken."""
    told, ann = story
    first = asyncio.create_task(ann.post({"name": "Harbour"}, "/slow"))
    await told.entered.wait()
    await admin.execute(
        "INSERT INTO idempotency_keys (actor_id, key, fingerprint, reservation, status, body)"
        " VALUES ($1, $2, '', $3, 201, '{}')",
        *(ann.sub, ann.key, uuid7()),
    )
    told.go_on.set()
    assert refusal(await first) == (409, "idempotency_key_reused")
    assert await count_popups(admin, ann.tenant) == 0


async def test_routes_as_users_write_them(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    router = APIRouter(tags=["popups"])

    @router.post("/names", status_code=201, dependencies=[idempotent()])
    async def create_name(
        name: str,
        db: AsyncSession = Depends(get_db),
        user: TokenData = Depends(get_current_user),
    ) -> dict[str, str]:
        now = utc_now()
        popup = Popup(tenant_id=user.tenant_id, id=uuid7(), name=name, slug=name, status="draft")
        popup.created_at = popup.updated_at = now
        db.add(popup)
        return {"id": str(popup.id)}

    async with serve_core(router) as client:
        ann = Keyed(tenant, client)
        first = await ann.post(None, "/names?name=harbour")
        again = await ann.post(None, "/names?name=harbour")
    assert (first.status_code, replayed(again)) == (201, True)
    assert first.json() == again.json()
    assert await count_popups(admin, tenant) == 1


async def test_a_location_is_given_again_and_a_cookie_never_kept(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    router = APIRouter(tags=["popups"])

    @router.post("/located", status_code=201, dependencies=[WRITES, idempotent()])
    async def create_located(tx: TenantTransaction, new: PopupCreate) -> Response:
        made = await service.create_popup(tx, new)
        return Json(made, 201, headers={"Location": f"/popups/{made.id}"})

    @router.post("/cookie", status_code=201, dependencies=[WRITES, idempotent()])
    async def create_cookie(tx: TenantTransaction, new: PopupCreate) -> Response:
        await service.create_popup(tx, new)
        response = JSONResponse({}, 201)
        response.set_cookie("session", "secret")
        return response

    @router.post("/stream", status_code=201, dependencies=[WRITES, idempotent()])
    async def create_stream(tx: TenantTransaction, new: PopupCreate) -> Response:
        await service.create_popup(tx, new)
        return StreamingResponse(iter(["x"]), 201)

    async with serve_core(router) as client:
        ann = Keyed(tenant, client)
        first = await ann.post({"name": "Harbour"}, "/located")
        again = await ann.post({"name": "Harbour"}, "/located")
        assert replayed(again)
        assert again.headers["location"] == first.headers["location"]
        for path in ("/cookie", "/stream"):
            ann.key = uuid4().hex
            assert (await ann.post({"name": path}, path)).status_code == 500
    assert await count_popups(admin, tenant) == 1


async def test_a_credential_is_not_kept_and_its_id_is(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    router = APIRouter(tags=["popups"])

    @router.post("/secret", status_code=201, dependencies=[WRITES, idempotent(keeps="id")])
    async def create_secret(tx: TenantTransaction, new: PopupCreate) -> Response:
        made = await service.create_popup(tx, new)
        return Json({"id": made.id, "secret": "hunter2-correct-horse"}, 201)

    async with serve_core(router) as client:
        ann = Keyed(tenant, client)
        first = await ann.post({"name": "Harbour"}, "/secret")
        again = await ann.post({"name": "Harbour"}, "/secret")
        other = await ann.post({"name": "Market"}, "/secret")
    assert first.json()["secret"] == "hunter2-correct-horse"
    assert refusal(again) == (409, "request_already_done")
    assert again.json()["resource_id"] == first.json()["id"]
    assert again.headers["content-type"] == "application/problem+json"
    assert refusal(other) == (409, "idempotency_key_reused")
    assert await count_popups(admin, tenant) == 1
    (row,) = await rows_of(admin, ann.sub)
    assert row["body"] is None
    assert b"hunter2" not in repr(tuple(row)).encode()


@pytest.mark.parametrize(
    ("dependencies", "fault"),
    [
        ([WRITES, idempotent(), idempotent(keeps="id")], "declares idempotency in two ways"),
        ([WRITES, idempotent(), not_idempotent("because")], "declares idempotency in two ways"),
    ],
)
async def test_contradictions_do_not_start(
    serve_core: Serve, dependencies: list[object], fault: str
) -> None:
    router = APIRouter(tags=["popups"])

    @router.post("/odd", status_code=201, dependencies=dependencies)  # type: ignore[arg-type]
    async def create_odd(tx: TenantTransaction) -> None:
        """Says two things."""

    with pytest.raises(UnsafeToStart, match=fault):
        async with serve_core(router):
            pass


async def test_not_idempotent_takes_no_key(serve_core: Serve, tenant: Tenant) -> None:
    router = APIRouter(tags=["popups"])
    marker = not_idempotent("each call is a new throw of the dice")

    @router.post("/dice", status_code=201, dependencies=[WRITES, marker])
    async def create_throw(tx: TenantTransaction) -> str:
        return uuid4().hex

    async with serve_core(router) as client:
        ann = Keyed(tenant, client)
        one, two = await ann.post(None, "/dice"), await ann.post(None, "/dice")
        assert one.json() != two.json()
