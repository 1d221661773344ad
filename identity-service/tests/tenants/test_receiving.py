"""What the core tells of its organizations: in any order, any number of times."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_lib.ids import uuid7
from shared_lib.testing.mail import mails_in, text_of
from tests.conftest import CoreReceiver, Identity, bearer, eventually
from tests.invitations.links import accept_new, mailed_links
from tests.team import events_told, internal_token, make_team, refused, told

FACTS = (
    {"name": "Acme", "status": "active", "version": 1},
    {"name": "Acme", "status": "suspended", "version": 2},
    {"name": "Acme", "status": "active", "version": 3},
    {"name": "Acme Ltd", "status": "active", "version": 4},
    {"name": "Acme Ltd", "status": "suspended", "version": 5},
)


@pytest.fixture(scope="session")
async def core_token(identity: Identity) -> str:
    return await internal_token(identity)


@pytest.fixture
def tell(identity: Identity, core_token: str) -> Any:
    """Tell identity of an organization as the core does."""

    async def put(tenant_id: UUID, **fact: Any) -> httpx.Response:
        body = {"slug": f"org-{tenant_id.hex}", "name": "Acme", "status": "active", "version": 1}
        return await identity.client.put(
            f"/internal/tenants/{tenant_id}", json={**body, **fact}, headers=bearer(core_token)
        )

    return put


async def row(identity: Identity, tenant_id: UUID) -> dict[str, Any]:
    """What is kept of an organization; empty for an unknown one."""
    found = await identity.admin.fetchrow("SELECT * FROM tenants WHERE id = $1", tenant_id)
    return dict(found or {})


async def owners(identity: Identity, tenant_id: UUID) -> set[UUID]:
    rows = await identity.admin.fetch(
        "SELECT person_id FROM memberships WHERE tenant_id = $1 AND role = 'owner' AND active",
        tenant_id,
    )
    return {each["person_id"] for each in rows}


async def test_an_organization_is_taken_over(identity: Identity, tell: Any) -> None:
    tenant_id = uuid7()
    response = await tell(tenant_id, id=str(tenant_id), name="Acme & Söhne")
    assert (response.status_code, response.content) == (204, b"")
    assert await row(identity, tenant_id) == {
        "id": tenant_id,
        "slug": f"org-{tenant_id.hex}",
        "name": "Acme & Söhne",
        "status": "active",
        "version": 1,
        "founded": False,
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(FACTS), max_size=12), st.permutations(FACTS))
async def test_a_suspended_organization_stays_suspended_in_every_order(
    identity: Identity, tell: Any, first: list[Any], then: list[Any]
) -> None:
    tenant_id = uuid7()
    highest = 0
    for fact in [*first, *then, *first]:
        assert (await tell(tenant_id, **fact)).status_code == 204
        highest = max(highest, fact["version"])
        assert (await row(identity, tenant_id))["version"] == highest
    kept = await row(identity, tenant_id)
    assert (kept["status"], kept["name"]) == ("suspended", "Acme Ltd")


async def test_facts_that_arrive_at_once(identity: Identity, tell: Any) -> None:
    tenant_id = uuid7()
    responses = await asyncio.gather(*(tell(tenant_id, **fact) for fact in FACTS * 3))
    assert {response.status_code for response in responses} == {204}
    kept = await row(identity, tenant_id)
    assert (kept["version"], kept["status"]) == (5, "suspended")


async def test_suspending_acts_at_once_on_who_works_there(identity: Identity, tell: Any) -> None:
    team = await make_team(identity, ["owner"])
    assert (await team["owner"].call("GET", "/members")).status_code == 200
    await tell(team.organization.id, status="suspended", version=2)
    refused(await team["owner"].call("GET", "/members"), 403, "tenant_blocked")
    await tell(team.organization.id, status="active", version=1)
    refused(await team["owner"].call("GET", "/members"), 403, "tenant_blocked")
    await tell(team.organization.id, status="active", version=3)
    assert (await team["owner"].call("GET", "/members")).status_code == 200


async def test_t33_what_is_purged_is_neither_listed_nor_usable(
    identity: Identity, tell: Any
) -> None:
    team = await make_team(identity, ["owner"])
    owner = team["owner"]
    await tell(team.organization.id, status="purged", version=9)
    refused(await owner.call("GET", "/members"), 403, "tenant_blocked")
    assert (await owner.call("GET", "/me")).json()["memberships"] == []
    response = await identity.token(
        username=owner.person.email,
        password=owner.person.password,
        tenant_id=str(team.organization.id),
    )
    refused(response, 400, "tenant_not_found")
    refused(await identity.refresh(owner.refresh_token), 400, "membership_ended")


async def test_a_founder_is_owner_at_once_and_the_core_is_told(
    identity: Identity, core: CoreReceiver, tell: Any
) -> None:
    founder, tenant_id = await identity.make_person(), uuid7()
    assert (await tell(tenant_id, founder_id=str(founder.id))).status_code == 204
    assert await owners(identity, tenant_id) == {founder.id}
    answer = await identity.sign_in(founder, tenant_id=str(tenant_id))
    headers = bearer(answer["access_token"])
    assert (await identity.client.get("/members", headers=headers)).status_code == 200

    async def is_told() -> bool:
        return bool(told(core, tenant_id, founder.id) and events_told(core, tenant_id))

    await eventually(is_told)
    assert told(core, tenant_id, founder.id)[0] == {
        "name": "Test Person",
        "email": founder.email,
        "role": "owner",
        "active": True,
        "version": 1,
    }
    assert events_told(core, tenant_id)[0]["action"] == "members.create"


async def test_a_late_repeat_never_undoes_a_later_removal(identity: Identity, tell: Any) -> None:
    founder, second, tenant_id = await identity.make_person(), await identity.make_person(), uuid7()
    await tell(tenant_id, founder_id=str(founder.id))
    await identity.admin.execute(
        "INSERT INTO memberships (tenant_id, person_id, role, created_at, updated_at)"
        " VALUES ($1, $2, 'owner', now(), now())",
        tenant_id,
        second.id,
    )
    answer = await identity.sign_in(founder, tenant_id=str(tenant_id))
    response = await identity.client.delete("/members/me", headers=bearer(answer["access_token"]))
    assert response.status_code == 204
    for version in (1, 2, 3, 1):
        assert (await tell(tenant_id, founder_id=str(founder.id), version=version)).is_success
    assert await owners(identity, tenant_id) == {second.id}


async def test_the_founder_is_seen_to_by_the_first_fact_that_names_him(
    identity: Identity, tell: Any
) -> None:
    """A newer fact without him may have overtaken the one that names him."""
    founder, tenant_id = await identity.make_person(), uuid7()
    await tell(tenant_id, name="Renamed", version=2)
    await tell(tenant_id, founder_id=str(founder.id), version=1)
    assert await owners(identity, tenant_id) == {founder.id}
    kept = await row(identity, tenant_id)
    assert (kept["name"], kept["version"], kept["founded"]) == ("Renamed", 2, True)


async def test_founding_at_once_happens_once(identity: Identity, tell: Any) -> None:
    tenant_id = uuid7()
    address = f"first-{tenant_id.hex}@example.com"
    facts = [tell(tenant_id, first_owner_email=address) for _ in range(6)]
    assert {response.status_code for response in await asyncio.gather(*facts)} == {204}
    rows = await identity.admin.fetch("SELECT * FROM invitations WHERE tenant_id = $1", tenant_id)
    assert [(each["email"], each["role"], each["invited_by"]) for each in rows] == [
        (address, "owner", None)
    ]


async def test_the_first_owner_is_invited_by_mail_in_nobody_s_name(
    identity: Identity, tell: Any
) -> None:
    tenant_id = uuid7()
    address = f"first-{tenant_id.hex}@example.com"
    await tell(tenant_id, name="Analytical Engines", first_owner_email=address)
    (link,) = await mailed_links(identity, address)
    (mail,) = mails_in(identity.settings.mail_directory, address)
    text = " ".join(text_of(mail).split())
    assert "you are invited to join the organization" in text
    assert "Analytical Engines" in text
    accepted = await accept_new(identity, link.partition("#token=")[2])
    assert (accepted.status_code, accepted.json()["role"]) == (201, "owner")
    assert len(await owners(identity, tenant_id)) == 1
    await tell(tenant_id, version=2, first_owner_email=address)
    invited = "SELECT count(*) FROM invitations WHERE tenant_id = $1"
    assert await identity.admin.fetchval(invited, tenant_id) == 1, "once, whatever became of it"


async def test_a_founder_whom_nobody_knows_is_no_silent_loss(identity: Identity, tell: Any) -> None:
    tenant_id = uuid7()
    refused(await tell(tenant_id, founder_id=str(uuid7())), 409, "founder_not_found")
    assert await row(identity, tenant_id) == {}


async def test_nobody_founds_what_is_purged(identity: Identity, tell: Any) -> None:
    founder, tenant_id = await identity.make_person(), uuid7()
    assert (await tell(tenant_id, founder_id=str(founder.id), status="purged")).is_success
    assert await owners(identity, tenant_id) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"id": str(uuid7())},
        {"id": "x"},
        {"version": 0},
        {"version": 2**63},
        {"version": "1;"},
        {"status": "x y"},
        {"status": ""},
        {"status": "active\n"},
        {"name": ""},
        {"name": "a\x00b"},
        {"slug": None},
        {"first_owner_email": "nobody"},
        {"founder_id": str(uuid7()), "first_owner_email": "a@example.com"},
        {"role": "owner"},
    ],
)
async def test_what_is_none_is_refused(
    identity: Identity, tell: Any, change: dict[str, Any]
) -> None:
    tenant_id = uuid7()
    refused(await tell(tenant_id, **change), 422, "validation_failed")
    assert await row(identity, tenant_id) == {}


async def test_only_the_core_tells(identity: Identity, core_token: str) -> None:
    path, body = f"/internal/tenants/{uuid7()}", {"slug": "x", "name": "x", "status": "active"}
    refused(await identity.client.put(path, json=body), 401, "missing_token")
    team = await make_team(identity, ["owner"])
    refused(await team["owner"].call("PUT", path, json=body), 401, "invalid_token")
    agent = await identity.make_person(platform_role="platform_admin")
    token = (await identity.sign_in(agent))["access_token"]
    response = await identity.client.put(path, json=body, headers=bearer(token))
    refused(response, 401, "invalid_token")
    refused(await identity.client.get("/members", headers=bearer(core_token)), 401, "invalid_token")


async def test_a_client_that_is_closed_tells_nothing_more(
    identity: Identity, tell: Any, core_token: str
) -> None:
    tenant_id = uuid7()
    close = "UPDATE trusted_clients SET active = $1 WHERE client_id = 'product-core-api'"
    await identity.admin.execute(close, False)
    try:
        refused(await tell(tenant_id), 401, "token_revoked")
    finally:
        await identity.admin.execute(close, True)
    assert (await tell(tenant_id)).status_code == 204
