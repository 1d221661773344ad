"""Another organization's ids on every operation of the core, and that a leak would be seen."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter, Depends, Request

from app.core.middleware import get_current_user
from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.checks import Check
from shared_lib.prove._principals import Cast, Cell
from shared_lib.prove._principals_demo import Neighbour, Stage
from shared_lib.prove._routes import read_operations
from shared_lib.prove._routes_document import Operation
from shared_lib.prove._routes_others import ATTACKERS, check_others
from shared_lib.tenancy import AccessMode
from shared_lib.testing.tokens import TokenIssuer
from tests.cast import token_of
from tests.conftest import MakeOrganization, Tenant, open_client
from tests.operations import make_world

pytestmark = pytest.mark.database

CORE = "product-core-api"
careless = APIRouter(
    prefix="/careless", tags=["careless"], dependencies=[Depends(get_current_user)]
)


@careless.get("/{popup_id}")
async def show_whosever(request: Request, popup_id: UUID) -> dict[str, str]:
    """Show a popup, and whose it is: to anybody."""
    owner = "SELECT person_id::text FROM members m JOIN popups p USING (tenant_id) WHERE p.id = $1"
    return {"owner": await request.app.state.admin.fetchval(owner, popup_id) or ""}


@careless.delete("/{popup_id}", status_code=204)
async def delete_whosever(request: Request, popup_id: UUID) -> None:
    """Delete a popup, whosever it is."""
    await request.app.state.admin.execute("DELETE FROM popups WHERE id = $1", popup_id)


@pytest.fixture(scope="module")
async def found(
    settings: CoreSettings, admin: asyncpg.Connection
) -> AsyncIterator[dict[str, Operation]]:
    app = create_app(settings)
    app.include_router(careless)
    app.state.admin = admin
    async with app.router.lifespan_context(app), open_client(app) as client:
        yield await read_operations(CORE, client)


@pytest.fixture
async def stage(
    admin: asyncpg.Connection, issuer: TokenIssuer, make_tenant: MakeOrganization
) -> Stage:
    own, other = await make_tenant(), await make_tenant()
    tokens: dict[Cell, str | None] = {
        (each, AccessMode.ACTIVE): await token_of(admin, issuer, own.id, each) for each in ATTACKERS
    }
    return Stage(
        casts={CORE: Cast(tokens)},
        own=await neighbour(admin, own),
        other=await neighbour(admin, other),
        forms={},
    )


async def neighbour(admin: asyncpg.Connection, tenant: Tenant) -> Neighbour:
    world = await make_world(admin, tenant)
    ids = {
        "tenant_id": str(tenant.id),
        "popup_id": str(world.popup_id),
        "session_id": str(world.session_id),
    }
    return Neighbour(ids, tenant.headers("owner")["Authorization"].removeprefix("Bearer "))


async def faults_of(found: dict[str, Operation], stage: Stage, *names: str) -> dict[str, Check]:
    checks = await check_others([found[name] for name in names], stage)
    return {check.name: check for check in checks}


async def test_nothing_of_another_organization_is_reached(
    found: dict[str, Operation], stage: Stage
) -> None:
    names = [name for name in found if not name.endswith("whosever")]
    checks = await faults_of(found, stage, *names)
    assert {name: check.faults for name, check in checks.items() if check.faults} == {}
    assert {"get_popup", "delete_popup", "end_support_session_of_org", "list_popups"} <= set(checks)


async def test_what_is_shown_is_a_fault(
    found: dict[str, Operation], stage: Stage, admin: asyncpg.Connection
) -> None:
    person = await admin.fetchval(
        "SELECT person_id::text FROM members WHERE tenant_id = $1",
        UUID(stage.other.ids["tenant_id"]),
    )
    await admin.execute(
        "UPDATE support_sessions SET member_id = $1 WHERE id = $2",
        UUID(person),
        UUID(stage.other.ids["session_id"]),
    )
    checks = await faults_of(found, stage, "list_support_sessions", "show_whosever")
    said = "another organization's id in path popup_id"
    assert checks["list_support_sessions"].faults == ()
    assert checks["show_whosever"].section == "other tenants: product-core-api"
    assert checks["show_whosever"].faults[:2] == (
        f"owner: {said} was answered 200",
        f"owner: {said} showed {person} of it",
    )


async def test_what_changes_is_a_fault(found: dict[str, Operation], stage: Stage) -> None:
    checks = await faults_of(found, stage, "list_popups", "delete_whosever")
    assert checks["delete_whosever"].faults[0] == (
        "owner: another organization's id in path popup_id was answered 204"
    )
    assert checks["delete_whosever"].faults[-1] == (
        "list_popups shows the other owner something else than before"
    )
