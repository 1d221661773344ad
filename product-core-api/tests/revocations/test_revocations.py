"""What ended in the identity service is dead here at the very next request."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant
from tests.operations import SupportSession

pytestmark = pytest.mark.database

REVOKED = (401, "token_revoked")


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def revocation(
    kind: str, subject: UUID, not_before: float | None = None, tenant_id: UUID | None = None
) -> dict[str, Any]:
    optional = {
        "not_before": None if not_before is None else instant(not_before),
        "tenant_id": None if tenant_id is None else str(tenant_id),
    }
    known = {"id": str(uuid4()), "kind": kind, "subject_id": str(subject)}
    ended = {"ended_at": utc_now().isoformat()}
    return known | ended | {name: value for name, value in optional.items() if value}


async def deliver(
    client: httpx.AsyncClient, issuer: TokenIssuer, *revocations: dict[str, Any]
) -> None:
    response = await client.post(
        "/internal/revocations",
        json={"revocations": list(revocations)},
        headers={"Authorization": f"Bearer {issuer.service_to_service()}"},
    )
    assert response.status_code == 204, response.text


async def look(
    client: httpx.AsyncClient, token: str, path: str = "/api/v1/popups"
) -> tuple[int, str]:
    response = await client.get(path, headers={"Authorization": f"Bearer {token}"})
    return response.status_code, "" if response.is_success else response.json()["detail"]


@pytest.mark.parametrize("path", ["/api/v1/popups", "/api/v1/me", "/api/v1/org"])
async def test_a_session_that_ended_is_dead_for_good(
    tenant: Tenant, issuer: TokenIssuer, path: str
) -> None:
    """On a handler without SQL too, and for tokens that are issued later."""
    sid, person = uuid7(), uuid7()
    now = int(time.time())
    old = issuer.person(tenant_id=tenant.id, sub=person, sid=sid, issued_at=now - 60)
    late = issuer.person(tenant_id=tenant.id, sub=person, sid=sid, issued_at=now + 20)
    elsewhere = issuer.person(tenant_id=tenant.id, sub=person)
    assert (await look(tenant.client, old, path))[0] == 200
    await deliver(tenant.client, issuer, revocation("session", sid))
    assert await look(tenant.client, old, path) == REVOKED
    assert await look(tenant.client, late, path) == REVOKED
    assert (await look(tenant.client, elsewhere, path))[0] == 200


async def _issued(issuer: TokenIssuer, kind: str, tenant_id: UUID, subject: UUID, iat: int) -> str:
    if kind == "service_account":
        return issuer.service(tenant_id=tenant_id, sub=subject, issued_at=iat)
    return issuer.person(tenant_id=tenant_id, sub=subject, issued_at=iat)


@pytest.mark.parametrize("kind", ["person", "membership", "service_account"])
@pytest.mark.parametrize("path", ["/api/v1/popups", "/api/v1/me"])
async def test_tokens_issued_until_not_before_are_dead(
    tenant: Tenant, other: Tenant, issuer: TokenIssuer, kind: str, path: str
) -> None:
    subject, ended = uuid7(), int(time.time()) - 10
    where = tenant.id if kind == "membership" else None
    before, same, after = [
        await _issued(issuer, kind, tenant.id, subject, ended + seconds) for seconds in (-1, 0, 1)
    ]
    in_other = await _issued(issuer, kind, other.id, subject, ended - 1)
    somebody = await _issued(issuer, kind, tenant.id, uuid7(), ended - 1)
    for token in (before, same, after, in_other, somebody):
        assert (await look(tenant.client, token, path))[0] == 200
    await deliver(tenant.client, issuer, revocation(kind, subject, ended, where))
    assert await look(tenant.client, before, path) == REVOKED
    assert await look(tenant.client, same, path) == REVOKED
    assert (await look(tenant.client, after, path))[0] == 200
    assert (await look(tenant.client, somebody, path))[0] == 200
    elsewhere = await look(tenant.client, in_other, path)
    assert elsewhere == ((200, "") if kind == "membership" else REVOKED)


async def test_a_membership_leaves_the_person_without_organization_alone(
    tenant: Tenant, issuer: TokenIssuer
) -> None:
    person, now = uuid7(), int(time.time())
    token = issuer.person(sub=person, issued_at=now - 5)
    await deliver(tenant.client, issuer, revocation("membership", person, now, tenant.id))
    assert (await look(tenant.client, token, "/api/v1/me"))[0] == 200


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 1, 0, 0)])
async def test_of_several_the_latest_counts_in_any_order(
    tenant: Tenant, issuer: TokenIssuer, order: tuple[int, ...]
) -> None:
    person, now = uuid7(), int(time.time())
    ends = (now - 100, now - 50)
    first, between, last = [
        issuer.person(tenant_id=tenant.id, sub=person, issued_at=now - age) for age in (150, 75, 25)
    ]
    for number in order:
        await deliver(tenant.client, issuer, revocation("person", person, ends[number]))
    assert await look(tenant.client, first) == REVOKED
    assert await look(tenant.client, between) == REVOKED
    assert (await look(tenant.client, last))[0] == 200


async def test_many_in_one_delivery_with_repetitions(tenant: Tenant, issuer: TokenIssuer) -> None:
    sids = [uuid7() for _ in range(20)]
    tokens = [issuer.person(tenant_id=tenant.id, sid=sid) for sid in sids]
    ends = [revocation("session", sid) for sid in sids]
    await deliver(tenant.client, issuer, *ends, *reversed(ends))
    assert {await look(tenant.client, token) for token in tokens} == {REVOKED}


@pytest.mark.parametrize("role", ["platform_admin", "support_agent"])
@pytest.mark.parametrize("kind", ["session", "person"])
async def test_staff_is_revoked_too(
    client: httpx.AsyncClient, issuer: TokenIssuer, role: str, kind: str
) -> None:
    person, sid = uuid7(), uuid7()
    token = issuer.platform(role=role, sub=person, sid=sid)
    assert (await look(client, token, "/api/v1/support/orgs"))[0] == 200
    subject, until = (sid, None) if kind == "session" else (person, time.time() + 1)
    await deliver(client, issuer, revocation(kind, subject, until))
    for path in ("/api/v1/support/orgs", "/api/v1/support/sessions", "/api/v1/me"):
        assert await look(client, token, path) == REVOKED


@pytest.mark.parametrize("who", ["session", "agent", "member", "membership"])
async def test_a_support_token_falls_with_the_agent_and_with_the_member(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer, who: str
) -> None:
    member, until = uuid7(), time.time() + 1
    session = await SupportSession(tenant.id, member_id=member, role="owner").insert(admin)
    token = issuer.support(
        tenant_id=tenant.id,
        role="owner",
        agent=session.agent_id,
        sub=member,
        sid=session.agent_sid,
        support_id=session.id,
    )
    assert (await look(tenant.client, token))[0] == 200
    ends = {
        "session": revocation("session", session.agent_sid),
        "agent": revocation("person", session.agent_id, until),
        "member": revocation("person", member, until),
        "membership": revocation("membership", member, until, tenant.id),
    }
    await deliver(tenant.client, issuer, ends[who])
    assert await look(tenant.client, token) == REVOKED
    assert await look(tenant.client, token, "/api/v1/me") == REVOKED


@pytest.mark.parametrize("kind", ["session", "person"])
async def test_the_agents_end_ends_his_support_sessions(
    admin: asyncpg.Connection, make_tenant: MakeOrganization, issuer: TokenIssuer, kind: str
) -> None:
    agent, sid = uuid7(), uuid7()
    tenants = [await make_tenant(), await make_tenant()]
    rows = [
        await SupportSession(tenant.id, agent_id=agent, agent_sid=sid).insert(admin)
        for tenant in tenants
    ]
    bystander = await SupportSession(tenants[0].id).insert(admin)
    over = SupportSession(tenants[0].id, agent_id=agent, agent_sid=sid, ended=True)
    await over.insert(admin)
    subject, until = (sid, None) if kind == "session" else (agent, time.time() + 1)
    end = revocation(kind, subject, until)
    await deliver(tenants[0].client, issuer, end)
    await deliver(tenants[0].client, issuer, end)
    ended = "SELECT ended_at IS NOT NULL FROM support_sessions WHERE id = $1"
    assert [await admin.fetchval(ended, row.id) for row in rows] == [True, True]
    assert not await admin.fetchval(ended, bystander.id)
    for tenant, row in zip(tenants, rows, strict=True):
        events = await admin.fetch("SELECT * FROM audit_events WHERE tenant_id = $1", tenant.id)
        told = [(event["action"], event["resource_id"], event["reason"]) for event in events]
        assert told == [("support_sessions.end", str(row.id), row.reason)]
        assert events[0]["support_session_id"] == row.id


async def test_a_session_begun_after_a_persons_end_lives_on(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    """A late delivery ends what had begun until then, and nothing newer."""
    session = await SupportSession(tenant.id).insert(admin)
    earlier = time.time() - 3600
    await deliver(tenant.client, issuer, revocation("person", session.agent_id, earlier))
    ended = "SELECT ended_at FROM support_sessions WHERE id = $1"
    assert await admin.fetchval(ended, session.id) is None
