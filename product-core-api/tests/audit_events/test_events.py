"""Which calls are told of, what is told, and that it is told once."""

import json
from uuid import uuid4

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.audit_events.trail import ACTIONS, PLATFORM, picked, told, told_once
from tests.conftest import MakeOrganization, Tenant
from tests.operations import RECIPES, make_world
from tests.support_sessions.factory import enter

pytestmark = pytest.mark.database

CUSTOMER_READS = [
    *("get_me", "get_org", "get_popup", "list_audit_events", "list_popups"),
    "list_support_sessions",
]


def outcome_of(code: str) -> tuple[str, str | None]:
    if code == "ok":
        return "succeeded", None
    return ("failed" if code == "identity_unavailable" else "refused"), code


@pytest.mark.parametrize("mode", ["read_only", "read_write"])
@pytest.mark.parametrize("role", ["owner", "client"])
@pytest.mark.parametrize("name", sorted(ACTIONS))
async def test_every_call_of_support_is_told_once(
    admin: asyncpg.Connection, tenant: Tenant, name: str, role: str, mode: str
) -> None:
    """Reads, writes and refusals alike, with the agent, the session and its reason."""
    world = await make_world(admin, tenant)
    member = uuid4()
    agent = await enter(
        admin, tenant, mode=mode, role=role, member_id=member, reason="They lost a popup"
    )
    response = await RECIPES[name](world).send(
        tenant.client, {"Authorization": f"Bearer {agent.token}"}
    )
    code = "ok" if response.is_success else response.json()["detail"]
    assert code in ("ok", "read_only", "missing_permission")
    event = await told_once(admin, response)
    assert picked(event, "action", "outcome", "code") == (ACTIONS[name], *outcome_of(code))
    assert picked(event, "tenant_id", "actor_id", "actor_role", "subject_id") == (
        *(tenant.id, agent.session.agent_id, "support_agent", member),
    )
    assert event["support_session_id"] == agent.session.id
    assert event["reason"] == "They lost a popup"
    assert event["resource"] == ACTIONS[name].partition(".")[0]
    if name in ("get_popup", "update_popup", "delete_popup"):
        assert event["resource_id"] == str(world.popup_id)


@pytest.mark.parametrize("name", sorted(ACTIONS))
@pytest.mark.parametrize("role", ["platform_admin", "support_agent"])
async def test_every_call_of_staff_is_told_once(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, name: str, role: str
) -> None:
    """In the organization's own log where it is about one."""
    world = await make_world(admin, tenant)
    token = issuer.platform(role=role, sub=world.agent_id)
    headers = {"Authorization": f"Bearer {token}"}
    response = await RECIPES[name](world).send(tenant.client, headers)
    code = "ok" if response.is_success else response.json()["detail"]
    event = await told_once(admin, response)
    assert picked(event, "action", "outcome", "code") == (ACTIONS[name], *outcome_of(code))
    assert picked(event, "actor_id", "actor_role", "subject_id") == (
        *(world.agent_id, role, world.agent_id),
    )
    names_the_organization = name in (
        *("suspend_organization", "reactivate_organization", "start_support_session"),
        *("get_organization", "update_organization", "extend_trial", "mark_paid", "mark_unpaid"),
        "list_support_audit_events",
    )
    ends = name == "end_support_session"
    if name == "create_organization" and code == "ok":
        assert str(event["tenant_id"]) == event["resource_id"] == response.json()["id"]
    else:
        assert event["tenant_id"] == (tenant.id if names_the_organization or ends else PLATFORM)
    assert event["support_session_id"] == (world.session_id if ends else None)
    if name == "suspend_organization" and code == "ok":
        assert event["reason"] == "Unpaid"
    if ends:
        assert event["reason"] == world.secret


@pytest.mark.parametrize("name", CUSTOMER_READS)
async def test_reads_of_customers_are_not_told(
    admin: asyncpg.Connection, tenant: Tenant, name: str
) -> None:
    world = await make_world(admin, tenant)
    response = await RECIPES[name](world).send(tenant.client, tenant.headers("owner"))
    assert response.status_code == 200
    assert await told(admin, response) == []


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - {"found_organization"}))
@pytest.mark.parametrize("role", ["client", None])
async def test_refusals_of_customers_do_not_flood_the_trail(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, name: str, role: str | None
) -> None:
    world = await make_world(admin, tenant)
    person = {"Authorization": f"Bearer {issuer.person()}"}
    headers = tenant.headers(role) if role else person
    response = await RECIPES[name](world).send(tenant.client, headers)
    assert (response.status_code == 200) == (name == "get_me")
    assert await told(admin, response) == []


async def test_changes_of_customers_say_what_was_changed(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    person = uuid7()
    headers = tenant.headers("owner", sub=person) | {"user-agent": "curl/8" + "x" * 300}
    renamed = await tenant.client.patch("/api/v1/org", json={"name": "Acme"}, headers=headers)
    event = await told_once(admin, renamed)
    assert picked(event, "action", "outcome", "actor_id", "subject_id", "actor_role") == (
        *("org.update", "succeeded", person, person, "owner"),
    )
    assert json.loads(event["changes"]) == {"name": ["Test", "Acme"]}
    assert picked(event, "support_session_id", "reason", "code") == (None, None, None)
    assert event["client_ip"] == "127.0.0.1"
    assert event["user_agent"] == ("curl/8" + "x" * 300)[:256]
    body = {"support_access": "off"}
    consent = await tenant.client.put("/api/v1/org/support-access", json=body, headers=headers)
    event = await told_once(admin, consent)
    assert json.loads(event["changes"]) == {"support_access": ["read_only", "off"]}
    nothing = await tenant.client.patch("/api/v1/org", json={}, headers=headers)
    assert nothing.status_code == 200
    assert await told(admin, nothing) == []


async def test_the_customers_end_of_a_session_is_told_once(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    agent = await enter(admin, tenant, reason="They lost a popup")
    response = await tenant.call("DELETE", f"/org/support-sessions/{agent.session.id}")
    event = await told_once(admin, response)
    assert picked(event, "action", "resource_id", "support_session_id", "reason") == (
        *("support_sessions.end", str(agent.session.id), agent.session.id, "They lost a popup"),
    )


async def test_a_client_chooses_no_request_id_but_a_uuid(
    admin: asyncpg.Connection, tenant: Tenant
) -> None:
    agent = await enter(admin, tenant)
    chosen = str(uuid4())
    for sent in (chosen, "'; DROP TABLE popups --", "x" * 64):
        headers = {"Authorization": f"Bearer {agent.token}", "x-request-id": sent}
        response = await tenant.client.get("/api/v1/popups", headers=headers)
        assert (response.headers["x-request-id"] == sent) == (sent == chosen)
        await told_once(admin, response)


async def test_refused_impersonations_show_in_the_organizations_log(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, issuer: TokenIssuer
) -> None:
    tenant = await make_tenant(support_access="off")
    agent = uuid7()
    headers = {"Authorization": f"Bearer {issuer.platform(role='support_agent', sub=agent)}"}
    response = await tenant.client.post(
        f"/api/v1/support/impersonate/{tenant.id}",
        json={"reason": "I am only curious"},
        headers=headers,
    )
    assert response.json()["detail"] == "support_access_off"
    event = await told_once(admin, response)
    assert picked(event, "tenant_id", "outcome", "code", "actor_id") == (
        *(tenant.id, "refused", "support_access_off", agent),
    )
    shown = (await tenant.call("GET", "/org/audit-log")).json()["results"]
    assert [one["id"] for one in shown] == [str(event["id"])]
