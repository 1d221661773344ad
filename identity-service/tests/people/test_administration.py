"""`/admin/people`: staff of the platform find people, shut them out and let them in again."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from shared_lib.audit import PLATFORM
from shared_lib.ids import uuid7
from shared_lib.testing.forgery import claims_of
from tests.conftest import CoreReceiver, Identity, bearer
from tests.mailbox import core_knows, security_event, security_outcomes

REASON = "Left the company in anger"


async def admin_of(identity: Identity) -> dict[str, str]:
    """Headers of a platform admin."""
    person = await identity.make_person(platform_role="platform_admin")
    return bearer((await identity.sign_in(person))["access_token"])


async def deactivate(
    identity: Identity, headers: dict[str, str], person_id: object, reason: str = REASON
) -> httpx.Response:
    path = f"/admin/people/{person_id}/deactivate"
    return await identity.client.post(path, headers=headers, json={"reason": reason})


async def reactivate(
    identity: Identity, headers: dict[str, str], person_id: object
) -> httpx.Response:
    path = f"/admin/people/{person_id}/reactivate"
    return await identity.client.post(path, headers=headers, json={})


def refused(response: httpx.Response, status: int, detail: str) -> None:
    assert (response.status_code, response.json()["detail"]) == (status, detail), response.text


SOMEBODY = "01a1fa60-0000-7000-8000-000000000001"
OPERATIONS = [
    ("GET", "/admin/people", None),
    ("GET", f"/admin/people/{SOMEBODY}", None),
    ("POST", f"/admin/people/{SOMEBODY}/deactivate", {"reason": REASON}),
    ("POST", f"/admin/people/{SOMEBODY}/reactivate", {}),
    ("POST", f"/admin/tenants/{SOMEBODY}/invite-owner", {"email": "a@example.com"}),
]


# T29
@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
@pytest.mark.parametrize("role", ["owner", "admin", "viewer", "client", "nobody", "support_agent"])
async def test_nobody_but_a_platform_admin_may(
    identity: Identity, method: str, path: str, body: Any, role: str
) -> None:
    if role == "nobody":
        person = await identity.make_person()
    elif role == "support_agent":
        person = await identity.make_person(platform_role=role)
    else:
        person, _ = await identity.make_member(role)
    headers = bearer((await identity.sign_in(person))["access_token"])
    response = await identity.client.request(method, path, headers=headers, json=body)
    refused(response, 403, "missing_permission")
    refused(await identity.client.request(method, path, json=body), 401, "missing_token")


async def test_people_are_found_by_address_and_name(identity: Identity) -> None:
    headers = await admin_of(identity)
    mark = uuid7().hex
    person = await identity.make_person(email=f"Ada.{mark}@Example.com")
    named = await identity.make_person(active=False, verified=False)
    await identity.admin.execute(
        "UPDATE people SET name = $2 WHERE id = $1", named.id, f"Ada {mark} Byron"
    )
    for search in (mark, f"ADA.{mark}", f"da {mark} BY", f"{mark}@example.COM"):
        response = await identity.client.get(
            "/admin/people", headers=headers, params={"search": search}
        )
        found = {each["id"] for each in response.json()["results"]}
        both = {str(person.id), str(named.id)} if search == mark else None
        assert found == both if both else len(found) == 1
    response = await identity.client.get(f"/admin/people/{named.id}", headers=headers)
    shown = response.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("updated_at").endswith("Z")
    assert shown == {  # T7: nothing that would open anything
        "id": str(named.id),
        "email": named.email,
        "name": f"Ada {mark} Byron",
        "verified": False,
        "active": False,
        "platform_role": None,
    }


async def test_the_list_has_pages(identity: Identity) -> None:
    headers = await admin_of(identity)
    people = [await identity.make_person() for _ in range(3)]
    seen: list[str] = []
    cursor = ""
    while len(seen) < 3:
        response = await identity.client.get(
            "/admin/people", headers=headers, params={"limit": 1, "cursor": cursor}
        )
        (row,) = response.json()["results"]
        cursor = response.json()["paging"]["next_cursor"]
        seen.append(row["id"])
    assert seen == [str(person.id) for person in reversed(people)]


@pytest.mark.parametrize("search", ["\x00", "a\x00b", "x" * 255])
async def test_bad_searches_are_refused(identity: Identity, search: str) -> None:
    response = await identity.client.get(
        "/admin/people", headers=await admin_of(identity), params={"search": search}
    )
    refused(response, 422, "validation_failed")


@pytest.mark.parametrize("search", ["%", "_", "'", "\\", "a%' OR 1=1 --"])
async def test_a_search_is_text_and_no_pattern(identity: Identity, search: str) -> None:
    response = await identity.client.get(
        "/admin/people", headers=await admin_of(identity), params={"search": search * 20}
    )
    if len(search) * 20 > 254:
        refused(response, 422, "validation_failed")
    else:
        assert response.json()["results"] == []


# T10
async def test_whoever_is_deactivated_is_out_at_once(
    identity: Identity, core: CoreReceiver
) -> None:
    person, _ = await identity.make_member("owner")
    answers = [await identity.sign_in(person) for _ in range(2)]
    headers = await admin_of(identity)
    response = await deactivate(identity, headers, person.id)
    assert response.status_code == 200, response.text
    assert response.json()["active"] is False
    for answer in answers:
        for method, path in (("GET", "/me"), ("GET", "/sessions"), ("POST", "/logout")):
            refused(
                await identity.client.request(method, path, headers=bearer(answer["access_token"])),
                401,
                "token_revoked",
            )
        assert (await identity.refresh(answer["refresh_token"])).json()["detail"] == (
            "account_inactive"
        )
    refusal = await identity.token(username=person.email, password=person.password)
    assert refusal.json()["detail"] == "invalid_credentials"
    reasons = await identity.admin.fetch(
        "SELECT DISTINCT ended_reason FROM sign_in_sessions WHERE person_id = $1", person.id
    )
    assert [row["ended_reason"] for row in reasons] == ["person_deactivated"]
    await core.learns(person.id)
    (revocation,) = core.revoked(person.id)
    assert revocation["kind"] == "person"
    # And each session by itself, for ever: a token may be dated ahead of what is told of a person.
    for answer in answers:
        await core.learns(UUID(claims_of(answer["access_token"])["sid"]))


async def test_the_organizations_learn_it(identity: Identity, core: CoreReceiver) -> None:
    person, organization = await identity.make_member("admin")
    headers = await admin_of(identity)
    assert (await deactivate(identity, headers, person.id)).status_code == 200
    await core_knows(core, organization.id, person.id, active=False, role="admin")
    assert (await reactivate(identity, headers, person.id)).status_code == 200
    await core_knows(core, organization.id, person.id, active=True, role="admin")


async def test_the_trail_says_who_did_it_and_why(identity: Identity, core: CoreReceiver) -> None:
    person = await identity.make_person()
    headers = await admin_of(identity)
    admin_id = (await identity.client.get("/me", headers=headers)).json()["id"]
    assert (await deactivate(identity, headers, person.id)).status_code == 200
    event = await security_event(core, "people.deactivate", str(person.id))
    assert (event["actor_id"], event["actor_role"]) == (admin_id, "platform_admin")
    assert (event["reason"], event["tenant_id"]) == (REASON, str(PLATFORM))
    assert (await reactivate(identity, headers, person.id)).status_code == 200
    event = await security_event(core, "people.reactivate", str(person.id))
    assert event["actor_id"] == admin_id


async def test_whoever_is_reactivated_signs_in_anew(identity: Identity) -> None:
    person, organization = await identity.make_member("admin")
    before = await identity.sign_in(person)
    headers = await admin_of(identity)
    await deactivate(identity, headers, person.id)
    response = await reactivate(identity, headers, person.id)
    assert (response.status_code, response.json()["active"]) == (200, True)
    refused(
        await identity.client.get("/me", headers=bearer(before["access_token"])),
        401,
        "token_revoked",
    )
    assert (await identity.refresh(before["refresh_token"])).json()["detail"] == "session_ended"
    answer = await identity.sign_in(person)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["tenant_id"], claims["role"]) == (str(organization.id), "admin")
    me = await identity.client.get("/me", headers=bearer(answer["access_token"]))
    assert me.status_code == 200


async def test_what_is_done_already_is_said(identity: Identity) -> None:
    person = await identity.make_person()
    headers = await admin_of(identity)
    refused(await reactivate(identity, headers, person.id), 409, "person_active")
    assert (await deactivate(identity, headers, person.id)).status_code == 200
    refused(await deactivate(identity, headers, person.id), 409, "person_not_active")
    for call in (deactivate, reactivate):
        refused(await call(identity, headers, uuid7()), 404, "person_not_found")
        refused(await call(identity, headers, "nobody"), 422, "validation_failed")
    response = await identity.client.get(f"/admin/people/{uuid7()}", headers=headers)
    refused(response, 404, "person_not_found")


@pytest.mark.parametrize("reason", ["", "   ", "x\x00", "x" * 1001, None])
async def test_a_reason_is_asked_for(identity: Identity, reason: Any) -> None:
    person = await identity.make_person()
    response = await deactivate(identity, await admin_of(identity), person.id, reason)
    refused(response, 422, "validation_failed")
    assert await identity.sign_in(person)


async def test_of_two_at_once_one_deactivates(identity: Identity, core: CoreReceiver) -> None:
    person = await identity.make_person()
    admins = [await admin_of(identity) for _ in range(2)]
    responses = await asyncio.gather(*(deactivate(identity, each, person.id) for each in admins))
    assert sorted(response.status_code for response in responses) == [200, 409]
    await core.learns(person.id)
    outcomes = await security_outcomes(core, "people.deactivate", str(person.id), 2)
    assert [outcome for outcome, _ in outcomes] == ["refused", "succeeded"]


async def test_nobody_deactivates_himself(identity: Identity) -> None:
    await admin_of(identity)
    person = await identity.make_person(platform_role="platform_admin")
    headers = bearer((await identity.sign_in(person))["access_token"])
    refused(await deactivate(identity, headers, person.id), 409, "cannot_deactivate_yourself")
    assert (await identity.client.get("/me", headers=headers)).status_code == 200


async def test_a_sign_in_that_is_under_way_gets_no_token_that_lasts(identity: Identity) -> None:
    """Whichever comes first: afterwards nothing of the person's opens anything."""
    person, _ = await identity.make_member()
    headers = await admin_of(identity)
    signed_in, _ = await asyncio.gather(
        identity.token(username=person.email, password=person.password),
        deactivate(identity, headers, person.id),
    )
    if signed_in.status_code == 200:
        token = signed_in.json()["access_token"]
        refused(await identity.client.get("/me", headers=bearer(token)), 401, "token_revoked")
    alive = await identity.admin.fetchval(
        "SELECT count(*) FROM sign_in_sessions WHERE person_id = $1 AND ended_at IS NULL",
        person.id,
    )
    assert alive == 0
