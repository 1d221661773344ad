"""Who sees which events: the organization its own, an agent his, a platform admin all."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant
from tests.operations import insert_event
from tests.support_sessions.factory import enter

pytestmark = pytest.mark.database


async def support_log(
    tenant: Tenant, issuer: TokenIssuer, sub: UUID, role: str, query: str = ""
) -> list[dict[str, Any]]:
    """Every event of the list but those of reading it."""
    headers = {"Authorization": f"Bearer {issuer.platform(role=role, sub=sub)}"}
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        url = f"/api/v1/support/audit-log?limit=100&cursor={cursor}{query}"
        response = await tenant.client.get(url, headers=headers)
        assert response.status_code == 200, response.text
        found += response.json()["results"]
        assert len(found) == len({event["id"] for event in found})
        cursor = response.json()["paging"]["next_cursor"]
    return [event for event in found if event["action"] != "audit_events.list"]


async def test_the_customer_reads_what_support_did(
    admin: asyncpg.Connection, tenant: Tenant, other: Tenant
) -> None:
    agent = await enter(admin, tenant, reason="They lost a popup")
    elsewhere = await enter(admin, other)
    await elsewhere.call("GET", "/popups")
    calls = [
        await agent.call("GET", "/popups"),
        await agent.call("POST", "/popups", {"name": "x"}),
        await agent.call("GET", "/admin/orgs"),
        await tenant.call("DELETE", f"/org/support-sessions/{agent.session.id}"),
        await agent.call("GET", "/popups"),
    ]
    log = (await tenant.call("GET", "/org/audit-log", role="admin")).json()["results"]
    assert [(event["action"], event["outcome"], event["code"]) for event in log] == [
        ("popups.list", "refused", "token_revoked"),
        ("support_sessions.end", "succeeded", None),
        ("organizations.list", "refused", "missing_permission"),
        ("popups.create", "refused", "read_only"),
        ("popups.list", "succeeded", None),
    ]
    newest_first = [response.headers["x-request-id"] for response in reversed(calls)]
    assert [event["request_id"] for event in log] == newest_first
    for event in log:
        assert event["support_session_id"] == str(agent.session.id)
        assert event["reason"] == "They lost a popup"
        assert event["occurred_at"].endswith("Z")


async def test_agents_read_their_own_doings(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, issuer: TokenIssuer
) -> None:
    tenants = [await make_tenant(), await make_tenant()]
    mine, yours = uuid7(), uuid7()
    for tenant in tenants:
        for agent_id in (mine, yours):
            agent = await enter(admin, tenant, agent_id=agent_id)
            await agent.call("GET", "/popups")
    first = tenants[0]
    own = await support_log(first, issuer, mine, "support_agent")
    assert {event["actor_id"] for event in own} == {str(mine)}
    assert [event["tenant_id"] for event in own] == [str(t.id) for t in reversed(tenants)]
    of_one = await support_log(first, issuer, mine, "support_agent", f"&tenant_id={first.id}")
    assert [event["tenant_id"] for event in of_one] == [str(first.id)]
    everybodys = f"&tenant_id={first.id}"
    seen = await support_log(first, issuer, uuid7(), "platform_admin", everybodys)
    assert [event["actor_id"] for event in seen] == [str(yours), str(mine)]
    assert len({event["id"] for event in seen}) == 2


async def test_a_platform_admin_reads_everything(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, issuer: TokenIssuer
) -> None:
    tenants = [await make_tenant(), await make_tenant()]
    ids = {str(await insert_event(admin, tenant.id, "x")) for tenant in tenants}
    seen = await support_log(tenants[0], issuer, uuid7(), "platform_admin")
    assert ids <= {event["id"] for event in seen}


@pytest.mark.parametrize("form", ["", "cursor=&"])
async def test_the_log_is_paged(admin: asyncpg.Connection, tenant: Tenant, form: str) -> None:
    ids = sorted([await insert_event(admin, tenant.id, "x") for _ in range(5)], reverse=True)
    await admin.execute(
        "UPDATE audit_events SET occurred_at = now() WHERE tenant_id = $1", tenant.id
    )
    found: list[str] = []
    path: str | None = f"/org/audit-log?{form}limit=2"
    while path is not None:
        answer = (await tenant.call("GET", path)).json()
        found += [event["id"] for event in answer["results"]]
        assert len(found) <= 5
        cursor = answer["paging"]["next_cursor"]
        path = f"/org/audit-log?limit=2&cursor={cursor}" if cursor else None
    assert found == [str(event_id) for event_id in ids]


@pytest.mark.parametrize("tenant_id", ["x", "%00", ""])
async def test_bad_filters_are_refused(tenant: Tenant, issuer: TokenIssuer, tenant_id: str) -> None:
    headers = {"Authorization": f"Bearer {issuer.platform()}"}
    url = f"/api/v1/support/audit-log?tenant_id={tenant_id}"
    response = await tenant.client.get(url, headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "query.tenant_id"
