"""What cannot be told does not happen, and nothing of it is shown."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from app.main import create_app
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import Tenant, make_settings, open_client
from tests.operations import World, make_world
from tests.support_sessions.factory import Agent, enter

pytestmark = pytest.mark.database

UNAVAILABLE = (503, "audit_unavailable")


@pytest.fixture(scope="module")
async def broken(
    cluster: Cluster, issuer: TokenIssuer
) -> AsyncIterator[tuple[asyncpg.Connection, httpx.AsyncClient]]:
    """An application whose database takes no audit event, and its superuser."""
    async with cluster.clone() as name:
        admin = await asyncpg.connect(cluster.admin_url(name))
        await admin.execute(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF current_user <> 'postgres' AND session_user LIKE 'product%' THEN"
            " RAISE EXCEPTION 'the disk is full'; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW"
            " EXECUTE FUNCTION public.refuse();"
            "GRANT EXECUTE ON FUNCTION public.refuse() TO PUBLIC"
        )
        app = create_app(make_settings(cluster, name, issuer.issuer))
        async with app.router.lifespan_context(app), open_client(app) as client:
            yield admin, client
        await admin.close()


@pytest.fixture
async def world(broken: tuple[asyncpg.Connection, httpx.AsyncClient], issuer: TokenIssuer) -> World:
    admin, client = broken
    tenant_id = uuid4()
    await admin.execute(
        "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
        " created_at, updated_at, version)"
        " VALUES ($1, $2, 'Test', 'active', true, 'read_write', now(), now(), 1)",
        *(tenant_id, f"org-{tenant_id.hex}"),
    )
    return await make_world(admin, Tenant(tenant_id, "", client, issuer))


@pytest.fixture
async def agent(broken: tuple[asyncpg.Connection, httpx.AsyncClient], world: World) -> Agent:
    return await enter(broken[0], world.tenant, mode="read_write")


def assert_nothing_shown(response: httpx.Response, world: World) -> None:
    assert (response.status_code, response.json()["detail"]) == UNAVAILABLE
    assert int(response.headers["retry-after"]) > 0
    assert world.secret not in response.text
    assert str(world.popup_id) not in response.text


async def rows_of(admin: asyncpg.Connection, tenant_id: UUID) -> list[Any]:
    tables = ("organizations", "popups", "support_sessions", "row_history")
    query = "SELECT * FROM {} WHERE tenant_id = $1"
    return [await admin.fetch(query.format(table), tenant_id) for table in tables]


@pytest.mark.parametrize("path", ["/popups", "/org", "/me"])
async def test_support_reads_nothing(agent: Agent, world: World, path: str) -> None:
    assert_nothing_shown(await agent.call("GET", path), world)


async def test_support_refusals_say_nothing_else(agent: Agent, world: World) -> None:
    assert_nothing_shown(await agent.call("GET", "/admin/orgs"), world)
    assert_nothing_shown(await agent.call("GET", f"/popups/{uuid4()}"), world)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_support_changes_nothing(
    broken: tuple[asyncpg.Connection, httpx.AsyncClient],
    agent: Agent,
    world: World,
    method: str,
) -> None:
    before = await rows_of(broken[0], world.tenant.id)
    path = "/popups" if method == "POST" else f"/popups/{world.popup_id}"
    body = None if method == "DELETE" else {"name": "Changed"}
    assert_nothing_shown(await agent.call(method, path, body), world)
    assert await rows_of(broken[0], world.tenant.id) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/admin/orgs", None),
        ("GET", "/support/orgs", None),
        ("GET", "/support/sessions", None),
        ("GET", "/support/audit-log", None),
        ("POST", "/admin/orgs/{tenant}/suspend", {"reason": "Unpaid"}),
        ("POST", "/admin/orgs/{tenant}/reactivate", {}),
        ("DELETE", "/support/impersonate/{session}", None),
    ],
)
@pytest.mark.parametrize("role", ["platform_admin", "support_agent"])
async def test_staff_neither_sees_nor_changes_anything(
    broken: tuple[asyncpg.Connection, httpx.AsyncClient],
    issuer: TokenIssuer,
    world: World,
    method: str,
    path: str,
    body: Any,
    role: str,
) -> None:
    admin, client = broken
    before = await rows_of(admin, world.tenant.id)
    response = await client.request(
        method,
        "/api/v1" + path.format(tenant=world.tenant.id, session=world.session_id),
        headers={"Authorization": f"Bearer {issuer.platform(role=role, sub=world.agent_id)}"},
        json=body,
    )
    assert_nothing_shown(response, world)
    assert await rows_of(admin, world.tenant.id) == before


async def test_customers_go_on_reading(world: World) -> None:
    tenant = world.tenant
    assert (await tenant.call("GET", "/popups")).status_code == 200
    assert (await tenant.call("POST", "/popups", json={"name": "x"})).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/org", {"name": "Renamed"}),
        ("PUT", "/org/support-access", {"support_access": "off"}),
        ("DELETE", "/org/support-sessions/{session}", None),
    ],
)
async def test_changes_that_are_told_of_fall_with_their_event(
    broken: tuple[asyncpg.Connection, httpx.AsyncClient],
    world: World,
    method: str,
    path: str,
    body: Any,
) -> None:
    before = await rows_of(broken[0], world.tenant.id)
    path = path.format(session=world.session_id)
    response = await world.tenant.call(method, path, json=body)
    assert response.status_code in (500, 503)
    assert world.secret not in response.text
    assert await rows_of(broken[0], world.tenant.id) == before
