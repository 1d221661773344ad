"""Every operation, called by somebody of another organization with this one's ids."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import MakeOrganization, Tenant
from tests.documented import operations
from tests.operations import RECIPES, World, make_world

pytestmark = pytest.mark.database

# What an owner of another organization is answered; `ok` shows or changes his own things only.
EXPECTED = {
    "live": "ok",
    "get_audit_keys": "ok",
    "ready": "ok",
    "receive_revocations": "invalid_token",
    "receive_audit_events": "invalid_token",
    "receive_member": "invalid_token",
    "get_me": "ok",
    "get_org": "ok",
    "update_org": "ok",
    "list_support_sessions": "ok",
    "end_support_session_of_org": "support_session_not_found",
    "update_support_access": "ok",
    "list_audit_events": "ok",
    "list_popups": "ok",
    "get_popup": "popup_not_found",
    "create_popup": "ok",
    "update_popup": "popup_not_found",
    "delete_popup": "popup_not_found",
    "start_support_session": "missing_permission",
    "end_support_session": "missing_permission",
    "list_live_support_sessions": "missing_permission",
    "search_organizations": "missing_permission",
    "list_support_audit_events": "missing_permission",
    "found_organization": "ok",
    "create_organization": "missing_permission",
    "get_organization": "missing_permission",
    "update_organization": "missing_permission",
    "extend_trial": "missing_permission",
    "mark_paid": "missing_permission",
    "mark_unpaid": "missing_permission",
    "get_stats": "missing_permission",
    "list_organizations": "missing_permission",
    "suspend_organization": "missing_permission",
    "reactivate_organization": "missing_permission",
}
TABLES = (
    *("organizations", "popups", "support_sessions", "members"),
    *("audit_events", "row_history"),
)


async def rows_of(admin: asyncpg.Connection, world: World) -> list[Any]:
    """Everything that the database holds of an organization."""
    found = [
        await admin.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1", world.tenant.id)  # noqa: S608
        for table in TABLES
    ]
    return [sorted(rows, key=repr) for rows in found]


def assert_shows_nothing_of(response: httpx.Response, world: World) -> None:
    ids = (
        *(world.tenant.id, world.popup_id, world.session_id),
        *(world.event_id, world.agent_id, world.person_id),
    )
    shown = [text for text in (world.secret, *map(str, ids)) if text in response.text]
    assert shown == [], response.request.url


@pytest.fixture
async def victim(admin: asyncpg.Connection, tenant: Tenant) -> World:
    return await make_world(admin, tenant)


def test_every_operation_has_a_recipe(application: FastAPI) -> None:
    documented = operations(application)
    assert set(RECIPES) == set(documented)
    assert set(EXPECTED) == set(documented)


def test_recipes_call_the_operation_that_they_are_for(application: FastAPI, victim: World) -> None:
    for name, (method, path, _) in operations(application).items():
        call = RECIPES[name](victim)
        sent = call.path.partition("?")[0].split("/")
        template = path.split("/")
        assert call.method == method
        assert len(sent) == len(template), name
        assert all(t.startswith("{") or t == s for s, t in zip(sent, template, strict=True)), name


@pytest.mark.parametrize("name", sorted(RECIPES))
async def test_another_organizations_things_are_out_of_reach(
    admin: asyncpg.Connection, victim: World, other: Tenant, name: str
) -> None:
    before = await rows_of(admin, victim)
    call = RECIPES[name](victim)
    response = await call.send(other.client, other.headers("owner"))
    assert call.answer(response) == EXPECTED[name]
    if EXPECTED[name].endswith("_not_found"):
        assert response.status_code == 404
    assert_shows_nothing_of(response, victim)
    assert await rows_of(admin, victim) == before


@pytest.mark.parametrize("name", sorted(name for name in RECIPES if EXPECTED[name] == "ok"))
async def test_naming_another_organization_changes_nothing(
    admin: asyncpg.Connection, victim: World, other: Tenant, name: str
) -> None:
    """By query, header and cookie: only the token says which organization it is."""
    before = await rows_of(admin, victim)
    call = RECIPES[name](victim)
    theirs = str(victim.tenant.id)
    headers = other.headers("owner") | {"x-tenant-id": theirs, "x-tenant": theirs}
    response = await other.client.request(
        call.method,
        call.path,
        params={"tenant_id": theirs, "tenant": theirs, "org": theirs},
        headers=headers | {"cookie": f"tenant_id={theirs}"},
        json=call.json,
    )
    assert response.is_success
    assert_shows_nothing_of(response, victim)
    assert await rows_of(admin, victim) == before


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in RECIPES
        if name.startswith(("create_", "update_", "found_"))
        and EXPECTED[name] != "missing_permission"
    ),
)
@pytest.mark.parametrize("field", ["tenant_id", "organization_id", "id"])
async def test_a_body_cannot_name_an_organization(
    admin: asyncpg.Connection, victim: World, other: Tenant, name: str, field: str
) -> None:
    own = await make_world(admin, other)
    before = await rows_of(admin, victim), await rows_of(admin, own)
    call = RECIPES[name](own)
    body = {**json.loads(json.dumps(call.json)), field: str(victim.tenant.id)}
    response = await other.client.request(
        call.method, call.path, json=body, headers=other.headers("owner")
    )
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert (await rows_of(admin, victim), await rows_of(admin, own)) == before


async def test_a_missing_thing_and_somebody_elses_look_the_same(
    victim: World, other: Tenant
) -> None:
    theirs = (await other.call("GET", f"/popups/{victim.popup_id}")).json()
    missing = (await other.call("GET", f"/popups/{uuid4()}")).json()
    assert theirs.pop("request_id") != missing.pop("request_id")
    assert theirs == missing


async def test_a_cursor_of_another_organization_shows_nothing_of_it(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, other: Tenant
) -> None:
    victim = await make_world(admin, await make_tenant())
    for number in range(2):
        await victim.tenant.call("POST", "/popups", json={"name": f"Popup {number}"})
    listed = (await victim.tenant.call("GET", "/popups?cursor=&limit=1")).json()
    cursor = listed["paging"]["next_cursor"]
    response = await other.call("GET", f"/popups?cursor={cursor}")
    assert response.json()["results"] == []


async def test_concurrent_calls_do_not_mix_organizations(
    admin: asyncpg.Connection, make_tenant: MakeOrganization
) -> None:
    """More calls at once than the pool has connections, so that each connection changes hands."""

    worlds = [await make_world(admin, await make_tenant()) for _ in range(6)]

    async def look(world: World) -> tuple[World, httpx.Response]:
        return world, await world.tenant.call("GET", "/popups")

    for world, response in await asyncio.gather(*(look(world) for world in worlds * 10)):
        assert [popup["name"] for popup in response.json()["results"]] == [world.secret]
