"""Both sides see a support session while it lives, and either ends it at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant
from tests.operations import SupportSession
from tests.support_sessions.factory import code, enter

pytestmark = pytest.mark.database

REVOKED = (401, "token_revoked")
GONE = (404, "support_session_not_found")


def staff(issuer: TokenIssuer, sub: UUID | None = None, role: str = "support_agent") -> Any:
    return {"Authorization": f"Bearer {issuer.platform(role=role, sub=sub)}"}


async def live_sessions(client: httpx.AsyncClient, headers: Any) -> set[str]:
    """Ids of all that the list shows, page by page."""
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        url = f"/api/v1/support/sessions?limit=100&cursor={cursor}"
        answer = (await client.get(url, headers=headers)).json()
        shown = {session["id"] for session in answer["results"]}
        assert not found & shown
        found |= shown
        cursor = answer["paging"]["next_cursor"]
    return found


async def ends_of(admin: asyncpg.Connection, tenant: Tenant) -> list[tuple[Any, ...]]:
    events = await admin.fetch(
        "SELECT * FROM audit_events WHERE tenant_id = $1 AND action = 'support_sessions.end'"
        " AND outcome = 'succeeded'",
        tenant.id,
    )
    return [(event["support_session_id"], event["actor_id"], event["reason"]) for event in events]


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_the_customer_sees_and_ends_it(
    admin: asyncpg.Connection, tenant: Tenant, role: str
) -> None:
    agent = await enter(admin, tenant, reason="Broken checkout, they say", ticket="T-1")
    assert (await agent.call("GET", "/popups")).status_code == 200
    listed = (await tenant.call("GET", "/org/support-sessions", role=role)).json()
    (shown,) = listed["results"]
    session = agent.session
    assert (shown["id"], shown["agent_id"]) == (str(session.id), str(session.agent_id))
    assert (shown["reason"], shown["ticket"]) == (session.reason, "T-1")
    assert (shown["mode"], shown["ended_at"]) == ("read_only", None)
    customer = uuid7()
    headers = tenant.headers(role, sub=customer)
    path = f"/api/v1/org/support-sessions/{session.id}"
    assert (await tenant.client.delete(path, headers=headers)).status_code == 204
    assert code(await agent.call("GET", "/popups")) == REVOKED
    assert code(await agent.call("GET", "/me")) == REVOKED
    listed = (await tenant.call("GET", "/org/support-sessions")).json()
    assert listed["results"][0]["ended_by"] == str(customer)
    assert listed["results"][0]["ended_at"].endswith("Z")
    assert await ends_of(admin, tenant) == [(session.id, customer, session.reason)]
    assert code(await tenant.client.delete(path, headers=headers)) == GONE
    assert len(await ends_of(admin, tenant)) == 1


async def test_what_is_over_cannot_be_ended(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    rows = [
        await SupportSession(tenant.id, age=timedelta(minutes=31)).insert(admin),
        await SupportSession(tenant.id, ended=True).insert(admin),
    ]
    headers = staff(issuer, role="platform_admin")
    for session_id in (*(row.id for row in rows), uuid4()):
        assert code(await tenant.call("DELETE", f"/org/support-sessions/{session_id}")) == GONE
        path = f"/api/v1/support/impersonate/{session_id}"
        assert code(await tenant.client.delete(path, headers=headers)) == GONE
    assert await ends_of(admin, tenant) == []


async def test_agents_list_their_own_and_platform_admins_all(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, issuer: TokenIssuer
) -> None:
    tenants = [await make_tenant(), await make_tenant()]
    mine, yours = uuid7(), uuid7()
    own = [await SupportSession(each.id, agent_id=mine).insert(admin) for each in tenants]
    theirs = await SupportSession(tenants[0].id, agent_id=yours).insert(admin)
    over = await SupportSession(tenants[0].id, agent_id=mine, ended=True).insert(admin)
    late = await SupportSession(tenants[0].id, agent_id=mine, age=timedelta(hours=1)).insert(admin)
    client = tenants[0].client
    assert await live_sessions(client, staff(issuer, mine)) == {str(row.id) for row in own}
    assert await live_sessions(client, staff(issuer, yours)) == {str(theirs.id)}
    everything = await live_sessions(client, staff(issuer, role="platform_admin"))
    assert everything >= {str(row.id) for row in (*own, theirs)}
    assert not everything & {str(over.id), str(late.id)}


@pytest.mark.parametrize(
    ("who", "ended"), [("the agent", True), ("another agent", False), ("a platform admin", True)]
)
async def test_who_of_the_staff_may_end(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, who: str, *, ended: bool
) -> None:
    agent = await enter(admin, tenant)
    person = agent.session.agent_id if who == "the agent" else uuid7()
    role = "platform_admin" if who == "a platform admin" else "support_agent"
    response = await tenant.client.delete(
        f"/api/v1/support/impersonate/{agent.session.id}", headers=staff(issuer, person, role)
    )
    assert code(response) == ((204, "") if ended else GONE)
    assert code(await agent.call("GET", "/popups")) == (REVOKED if ended else (200, ""))
    told = [(agent.session.id, person, agent.session.reason)] if ended else []
    assert await ends_of(admin, tenant) == told


@pytest.mark.parametrize(
    ("consent", "left"),
    [
        ("off", set()),
        ("read_only", {"read_only"}),
        ("read_write", {"read_only", "read_write"}),
    ],
)
async def test_consent_withdrawn_ends_what_it_no_longer_covers(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, consent: str, left: set[str]
) -> None:
    tenant, bystander = await make_tenant(support_access="read_write"), await make_tenant()
    agents = [await enter(admin, tenant, mode=mode) for mode in ("read_only", "read_write")]
    unconcerned = await enter(admin, bystander, mode="read_write")
    body = {"support_access": consent}
    response = await tenant.call("PUT", "/org/support-access", json=body)
    assert (response.status_code, response.json()["support_access"]) == (200, consent)
    for agent in agents:
        expected = (200, "") if agent.session.mode in left else REVOKED
        assert code(await agent.call("GET", "/popups")) == expected
    assert (await unconcerned.call("GET", "/popups")).status_code == 200
    ended = [agent.session.id for agent in agents if agent.session.mode not in left]
    assert sorted(event[0] for event in await ends_of(admin, tenant)) == sorted(ended)


async def test_the_customers_list_is_paged(admin: asyncpg.Connection, tenant: Tenant) -> None:
    rows = [await SupportSession(tenant.id).insert(admin) for _ in range(5)]
    await admin.execute(
        "UPDATE support_sessions SET started_at = now() - interval '1 minute' WHERE tenant_id = $1",
        tenant.id,
    )
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await tenant.call("GET", f"/org/support-sessions?limit=2&cursor={cursor}")
        found += [session["id"] for session in answer.json()["results"]]
        assert len(found) <= 5
        cursor = answer.json()["paging"]["next_cursor"]
    assert found == [str(row.id) for row in sorted(rows, key=lambda row: row.id, reverse=True)]
    counted = (await tenant.call("GET", "/org/support-sessions?skip=3")).json()
    assert counted["paging"]["total"] == 5
    assert [session["id"] for session in counted["results"]] == found[3:]
