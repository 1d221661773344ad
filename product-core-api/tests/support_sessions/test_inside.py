"""What an agent can do inside an organization, and until when."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import Tenant
from tests.operations import insert_popup
from tests.support_sessions.factory import code, enter, with_claims

pytestmark = pytest.mark.database

REVOKED = (401, "token_revoked")


# T11
async def test_reads_work_and_writes_do_not(admin: asyncpg.Connection, tenant: Tenant) -> None:
    popup_id = await insert_popup(admin, tenant.id, "Night Library")
    agent = await enter(admin, tenant)
    listed = (await agent.call("GET", "/popups")).json()
    assert [popup["name"] for popup in listed["results"]] == ["Night Library"]
    shown = await agent.call("GET", f"/popups/{popup_id}")
    assert shown.json() == listed["results"][0]
    for method, path, body in (
        ("POST", "/popups", {"name": "x"}),
        ("PATCH", f"/popups/{popup_id}", {"name": "x"}),
        ("DELETE", f"/popups/{popup_id}", None),
        ("POST", "/popups", {"name": 7}),  # refused before anything is looked at
    ):
        assert code(await agent.call(method, path, body)) == (403, "read_only")
    assert (await tenant.call("GET", "/popups")).json() == listed


@pytest.mark.parametrize("member", [False, True])
async def test_the_core_says_who_acts_for_whom(
    admin: asyncpg.Connection, tenant: Tenant, *, member: bool
) -> None:
    row: dict[str, Any] = {"member_id": uuid4(), "role": "viewer"} if member else {}
    agent = await enter(admin, tenant, **row)
    session = agent.session
    me = (await agent.call("GET", "/me")).json()
    assert me["id"] == str(session.member_id if member else session.agent_id)
    assert (me["tenant_id"], me["role"]) == (str(tenant.id), session.role)
    support = me["support"]
    assert (support["session_id"], support["agent_id"]) == (str(session.id), str(session.agent_id))
    assert support["mode"] == "read_only"
    assert datetime.fromisoformat(support["expires_at"]).tzinfo is not None
    assert "popups:read" in me["permissions"]
    assert ("popups:write" in me["permissions"]) is not member


@pytest.mark.parametrize("path", ["/popups", "/me", "/org"])
@pytest.mark.parametrize(
    ("row", "claims"),
    [
        ({"ended": True}, {}),
        ({"age": timedelta(minutes=31)}, {}),
        ({}, {"support_id": uuid4()}),
        ({}, {"agent": uuid4()}),
    ],
    ids=["ended", "expired", "no row", "of another agent"],
)
async def test_a_token_needs_its_live_row(
    admin: asyncpg.Connection,
    tenant: Tenant,
    path: str,
    row: dict[str, Any],
    claims: dict[str, Any],
) -> None:
    live = await enter(admin, tenant)
    assert (await live.call("GET", path)).status_code == 200
    dead = await enter(admin, tenant, claims=claims, **row)
    assert code(await dead.call("GET", path)) == REVOKED
    assert code(await dead.call("POST", "/popups", {"name": "x"})) == REVOKED


async def test_a_row_opens_its_own_organization_only(
    admin: asyncpg.Connection, tenant: Tenant, other: Tenant
) -> None:
    agent = await enter(admin, tenant)
    elsewhere = with_claims(agent, tenant_id=other.id)
    for path in ("/popups", "/me", "/org"):
        assert code(await elsewhere.call("GET", path)) == REVOKED


async def test_the_rows_mode_counts_and_not_the_tokens(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    agent = await enter(admin, tenant, mode="read_only", claims={"mode": "read_write"})
    assert code(await agent.call("POST", "/popups", {"name": "x"})) == (403, "read_only")


async def test_writes_carry_the_agent(admin: asyncpg.Connection, tenant: Tenant) -> None:
    member = uuid4()
    agent = await enter(admin, tenant, mode="read_write", member_id=member, role="standard")
    created = await agent.call("POST", "/popups", {"name": "Made by support"})
    assert created.status_code == 201, created.text
    path = f"/popups/{created.json()['id']}"
    changed = await agent.call("PATCH", path, {"tagline": "Changed"})
    deleted = await agent.call("DELETE", path)
    rows = await admin.fetch(
        "SELECT * FROM row_history WHERE tenant_id = $1 AND table_name = 'popups'"
        " ORDER BY changed_at",
        tenant.id,
    )
    assert [row["operation"] for row in rows] == ["INSERT", "UPDATE", "DELETE"]
    for row, response in zip(rows, (created, changed, deleted), strict=True):
        assert row["actor_id"] == agent.session.agent_id
        assert row["support_session_id"] == agent.session.id
        assert row["request_id"] == response.headers["x-request-id"]
        assert str(row["row_id"]) == created.json()["id"]
    before, after = (json.loads(rows[1][when]) for when in ("before", "after"))
    assert (before["tagline"], after["tagline"]) == (None, "Changed")
    assert (rows[0]["before"], rows[2]["after"]) == (None, None)


async def test_writes_of_members_carry_no_support_session(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    person = uuid4()
    headers = tenant.headers("standard", sub=person)
    await tenant.client.post("/api/v1/popups", json={"name": "x"}, headers=headers)
    row = await admin.fetchrow(
        "SELECT * FROM row_history WHERE tenant_id = $1 AND table_name = 'popups'", tenant.id
    )
    assert (row["actor_id"], row["support_session_id"]) == (person, None)


@pytest.mark.parametrize("mode", ["read_only", "read_write"])
@pytest.mark.parametrize("role", ["support", "owner"])
async def test_nothing_of_the_platform_and_no_consent(
    admin: asyncpg.Connection, tenant: Tenant, mode: str, role: str
) -> None:
    agent = await enter(admin, tenant, mode=mode, role=role, member_id=uuid4())
    reason = {"reason": "Going one house further"}
    for method, path, body in (
        ("GET", "/admin/orgs", None),
        ("POST", f"/admin/orgs/{tenant.id}/suspend", reason),
        ("POST", f"/admin/orgs/{tenant.id}/reactivate", {}),
        ("GET", "/support/orgs", None),
        ("GET", "/support/sessions", None),
        ("GET", "/support/audit-log", None),
        ("POST", f"/support/impersonate/{tenant.id}", reason),
        ("DELETE", f"/support/impersonate/{agent.session.id}", None),
        ("DELETE", f"/org/support-sessions/{agent.session.id}", None),
        ("PUT", "/org/support-access", {"support_access": "read_write"}),
    ):
        assert code(await agent.call(method, path, body)) == (403, "missing_permission"), path
    assert (await agent.call("GET", "/me")).status_code == 200
