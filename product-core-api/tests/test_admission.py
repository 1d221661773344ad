"""What an organization's people may do in each of its states, against a table written by hand."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, Response
from sqlalchemy import text

from app.core.database import AsyncSession, get_db
from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.clock import utc_now
from shared_lib.tenancy import ANY_MODE, Access, Guard, Scope, TenantTransaction
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.web import Json
from tests.conftest import MakeOrganization, Tenant, open_client
from tests.operations import SupportSession

pytestmark = pytest.mark.database

# Clients have no permission in the core yet, so operations that ask for none stand in.
probe = APIRouter(prefix="/probe", tags=["probe"])
_EVERYBODY = Depends(Guard(Access(Scope.ORGANIZATION)))
_IN_ANY_MODE = Depends(Guard(Access(Scope.ORGANIZATION, owner_modes=ANY_MODE)))


@probe.get("", dependencies=[_EVERYBODY])
async def probe_read(tx: TenantTransaction) -> Response:
    return Json({})


@probe.post("", dependencies=[_EVERYBODY])
async def probe_write(tx: TenantTransaction) -> Response:
    return Json({})


@probe.get("/any", dependencies=[_IN_ANY_MODE])
async def probe_read_any(tx: TenantTransaction) -> Response:
    return Json({})


@probe.post("/any", dependencies=[_IN_ANY_MODE])
async def probe_write_any(tx: TenantTransaction) -> Response:
    return Json({})


@pytest.fixture(scope="module")
async def probing(settings: CoreSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    app.include_router(probe)
    async with app.router.lifespan_context(app), open_client(app) as opened:
        yield opened


OK, READ, BLOCKED = "ok", "read_only", "tenant_blocked"
LATER, EARLIER = timedelta(hours=1), timedelta(hours=-1)
STATES: dict[str, dict[str, Any]] = {
    "trial running": {"paid": False, "trial": LATER},
    "trial over": {"paid": False, "trial": EARLIER},
    "no trial": {"paid": False, "trial": None},
    "paid": {"paid": True, "trial": None},
    "paid after its trial": {"paid": True, "trial": EARLIER},
    "suspended": {"paid": True, "trial": None, "status": "suspended"},
    "suspended in its trial": {"paid": False, "trial": LATER, "status": "suspended"},
    "being deleted": {"paid": True, "trial": None, "status": "deleting"},
    "purged": {"paid": True, "trial": None, "status": "purged"},
}
CALLS = (("GET", ""), ("POST", ""), ("GET", "/any"), ("POST", "/any"))
# In the order of CALLS: reading, writing, and both where the operation works in every mode.
_ACTIVE = (OK, OK, OK, OK)
_READING = (OK, READ, OK, READ)
_NOTHING = (BLOCKED, BLOCKED, BLOCKED, BLOCKED)
WORKERS, OWNERS, CLIENTS = ("admin", "standard", "viewer"), ("owner",), ("client",)
EXPECTED = {
    "trial running": {WORKERS: _ACTIVE, OWNERS: _ACTIVE, CLIENTS: _ACTIVE},
    "paid": {WORKERS: _ACTIVE, OWNERS: _ACTIVE, CLIENTS: _ACTIVE},
    "paid after its trial": {WORKERS: _ACTIVE, OWNERS: _ACTIVE, CLIENTS: _ACTIVE},
    "trial over": {WORKERS: _READING, OWNERS: (OK, READ, OK, OK), CLIENTS: _NOTHING},
    "no trial": {WORKERS: _READING, OWNERS: (OK, READ, OK, OK), CLIENTS: _NOTHING},
    **{
        state: {WORKERS: _NOTHING, OWNERS: (BLOCKED, BLOCKED, OK, OK), CLIENTS: _NOTHING}
        for state in ("suspended", "suspended in its trial", "being deleted", "purged")
    },
}


async def make(make_tenant: MakeOrganization, state: str) -> Tenant:
    values = STATES[state].copy()
    trial = values.pop("trial")
    return await make_tenant(trial_ends_at=utc_now() + trial if trial else None, **values)


async def answers(probing: httpx.AsyncClient, headers: dict[str, str]) -> tuple[str, ...]:
    answered = []
    for method, path in CALLS:
        response = await probing.request(method, f"/probe{path}", headers=headers)
        code = OK if response.is_success else response.json()["detail"]
        assert response.status_code == (200 if code == OK else 403), response.text
        answered.append(code)
    return tuple(answered)


@pytest.mark.parametrize("state", sorted(STATES))
async def test_people_by_the_state_of_their_organization(
    probing: httpx.AsyncClient, make_tenant: MakeOrganization, state: str
) -> None:
    tenant = await make(make_tenant, state)
    for roles, expected in EXPECTED[state].items():
        for role in roles:
            assert await answers(probing, tenant.headers(role)) == expected, role


@pytest.mark.parametrize("state", sorted(STATES))
async def test_service_accounts_are_workers(
    probing: httpx.AsyncClient, make_tenant: MakeOrganization, issuer: TokenIssuer, state: str
) -> None:
    tenant = await make(make_tenant, state)
    headers = {"Authorization": f"Bearer {issuer.service(tenant_id=tenant.id)}"}
    assert await answers(probing, headers) == EXPECTED[state][WORKERS]


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("role", ["support", "owner", "client"])
@pytest.mark.parametrize("mode", ["read_only", "read_write"])
async def test_support_reads_always_and_writes_in_active_organizations_only(
    probing: httpx.AsyncClient,
    admin: asyncpg.Connection,
    make_tenant: MakeOrganization,
    issuer: TokenIssuer,
    state: str,
    role: str,
    mode: str,
) -> None:
    tenant = await make(make_tenant, state)
    session = await SupportSession(tenant.id, role=role, mode=mode).insert(admin)
    token = issuer.support(
        tenant_id=tenant.id, role=role, agent=session.agent_id, support_id=session.id, mode=mode
    )
    answered = await answers(probing, {"Authorization": f"Bearer {token}"})
    read, write, read_any, write_any = answered
    assert (read, read_any) == (OK, OK)
    if mode == "read_write" and EXPECTED[state][WORKERS] == _ACTIVE:
        assert (write, write_any) == (OK, OK)
    else:
        assert write in (READ, BLOCKED)
        assert write_any in (READ, BLOCKED)


async def test_an_organization_that_is_not_there_is_blocked(
    probing: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    stray = Tenant(uuid4(), "", probing, issuer)
    assert await answers(probing, stray.headers("owner")) == _NOTHING


async def test_reading_operations_cannot_write(
    admin: asyncpg.Connection, settings: CoreSettings, tenant: Tenant
) -> None:
    """The second wall: PostgreSQL itself, for a handler that writes where it said it reads."""
    router = APIRouter(tags=["probe"])

    @router.get("/lying", dependencies=[_EVERYBODY])
    async def probe_lying(db: AsyncSession = Depends(get_db)) -> None:
        await db.execute(text("UPDATE organizations SET name = 'Changed'"))

    app = create_app(settings)
    app.include_router(router)
    async with app.router.lifespan_context(app), open_client(app) as opened:
        response = await opened.get("/lying", headers=tenant.headers())
    assert (response.status_code, response.json()["detail"]) == (403, READ)
    name = "SELECT name FROM organizations WHERE tenant_id = $1"
    assert await admin.fetchval(name, tenant.id) == "Test"


@pytest.mark.parametrize("role", ["owner", "admin", "viewer", "client"])
async def test_who_one_is_can_be_asked_in_every_state(
    make_tenant: MakeOrganization, role: str
) -> None:
    tenant = await make_tenant(status="suspended")
    assert (await tenant.call("GET", "/me", role=role)).status_code == 200


async def test_owners_keep_sight_of_a_suspended_organization(
    admin: asyncpg.Connection, make_tenant: MakeOrganization
) -> None:
    tenant = await make_tenant(status="suspended")
    session = await SupportSession(tenant.id).insert(admin)
    calls = (
        ("GET", "/org", None),
        ("GET", "/org/audit-log", None),
        ("GET", "/org/support-sessions", None),
        ("DELETE", f"/org/support-sessions/{session.id}", None),
        ("PUT", "/org/support-access", {"support_access": "off"}),
    )
    for method, path, body in calls:
        if path != "/org/support-access":
            blocked = await tenant.call(method, path, role="admin", json=body)
            assert blocked.json()["detail"] == BLOCKED, path
        allowed = await tenant.call(method, path, role="owner", json=body)
        assert allowed.is_success, (path, allowed.text)
    for method, path, body in (("GET", "/popups", None), ("PATCH", "/org", {"name": "x"})):
        assert (await tenant.call(method, path, json=body)).json()["detail"] == BLOCKED


async def test_suspension_and_reactivation_act_at_the_next_request(
    tenant: Tenant, issuer: TokenIssuer
) -> None:
    """With one and the same token: nothing of it is kept between requests."""
    staff = {"Authorization": f"Bearer {issuer.platform()}"}
    member = tenant.headers("standard")
    path = f"/api/v1/admin/orgs/{tenant.id}"

    async def look() -> str:
        response = await tenant.client.get("/api/v1/popups", headers=member)
        return OK if response.is_success else response.json()["detail"]

    assert await look() == OK
    await tenant.client.post(f"{path}/suspend", json={"reason": "Unpaid"}, headers=staff)
    assert await look() == BLOCKED
    await tenant.client.post(f"{path}/reactivate", json={}, headers=staff)
    assert await look() == OK


async def test_refusals_come_in_their_order(
    make_tenant: MakeOrganization, issuer: TokenIssuer
) -> None:
    """401, 403 tenant_required, 403 missing_permission, 403 blocked, 403 read_only, 422, 404."""
    suspended = await make_tenant(status="suspended")
    over = await make_tenant(paid=False)
    active = await make_tenant()
    bad: dict[str, object] = {"name": None, "more": 1}
    missing = f"/popups/{SupportSession(active.id).id}"
    person = {"Authorization": f"Bearer {issuer.person()}"}
    nobody = await active.client.patch("/api/v1/popups/x", json=bad)
    outside = await active.client.patch("/api/v1/popups/x", json=bad, headers=person)
    answered = [
        nobody,
        outside,
        await suspended.call("PATCH", "/popups/x", role="viewer", json=bad),
        await suspended.call("PATCH", "/popups/x", json=bad),
        await over.call("PATCH", "/popups/x", json=bad),
        await active.call("PATCH", missing, json=bad),
        await active.call("PATCH", missing, json={"name": "x"}),
    ]
    assert [response.json()["detail"] for response in answered] == [
        *("missing_token", "tenant_required", "missing_permission"),
        *(BLOCKED, READ, "validation_failed", "popup_not_found"),
    ]
