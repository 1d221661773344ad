"""Accepting: with a new account or an old one, once, and by nobody but who is invited."""

import asyncio
import json
from uuid import UUID

import pytest

from app.core.links import link_token
from shared_lib.ids import uuid7
from tests.conftest import CoreReceiver, Identity, Person, bearer, eventually
from tests.invitations.links import (
    PASSWORD,
    accept_new,
    address,
    expire,
    invite,
    look_up,
    mailed_links,
    token_for,
)
from tests.team import Team, events_told, make_team, refused, signed_in, told


async def invited(identity: Identity, role: str = "viewer") -> tuple[Team, dict[str, str], str]:
    """An organization, an invitation into it, and its token."""
    team = await make_team(identity, ["owner"])
    invitation = await invite(team["owner"], address(uuid7()), role)
    return team, invitation, token_for(identity, invitation["id"])


async def test_somebody_new_gets_an_account_and_is_in(identity: Identity) -> None:
    team, invitation, _ = await invited(identity, "admin")
    (link,) = await mailed_links(identity, invitation["email"])
    token = link.partition("#token=")[2]
    preview = await look_up(identity, token)
    assert preview.json() == {
        "organization": team.organization.name,
        "role": "admin",
        "email": invitation["email"],
        "expires_at": invitation["expires_at"],
    }
    response = await accept_new(identity, token)
    assert response.status_code == 201
    assert response.json() == {
        "tenant_id": str(team.organization.id),
        "slug": team.organization.slug,
        "name": team.organization.name,
        "role": "admin",
    }
    answer = await identity.sign_in(Person(uuid7(), invitation["email"].upper(), PASSWORD))
    me = (await identity.client.get("/me", headers=bearer(answer["access_token"]))).json()
    assert (me["name"], me["email"]) == ("Grace Hopper", invitation["email"])
    assert (me["verified"], me["platform_role"]) == (True, None)
    assert (me["role"], me["tenant_id"]) == ("admin", str(team.organization.id))
    assert await team["owner"].results("/invitations") == []


async def test_the_core_and_its_trail_are_told_of_somebody_new(
    identity: Identity, core: CoreReceiver
) -> None:
    team, invitation, token = await invited(identity, "admin")
    assert (await accept_new(identity, token)).status_code == 201
    person_id = await identity.admin.fetchval(
        "SELECT id FROM people WHERE email = $1", invitation["email"]
    )

    async def is_told() -> bool:
        events = events_told(core, team.organization.id)
        return len(events) == 3 and bool(told(core, team.organization.id, person_id))

    await eventually(is_told)
    assert told(core, team.organization.id, person_id)[0]["email"] == invitation["email"]
    events = {event["action"]: event for event in events_told(core, team.organization.id)}
    assert events.keys() == {"invitations.create", "invitations.accept", "members.create"}
    assert events["members.create"]["subject_id"] == str(person_id)
    assert events["members.create"]["changes"] == {"role": [None, "admin"]}


async def test_an_account_joins_only_when_it_is_signed_in(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    person, elsewhere = await identity.make_member()
    token = token_for(identity, (await invite(team["owner"], person.email.upper()))["id"])
    refused(await accept_new(identity, token), 409, "sign_in_to_accept")
    response = await (await signed_in(identity, person, elsewhere)).call(
        "POST", "/me/invitations/accept", json={"token": token}
    )
    assert (response.status_code, response.json()["tenant_id"]) == (201, str(team.organization.id))
    member = await signed_in(identity, person, team.organization)
    assert member.claims["role"] == "viewer"
    before = await identity.admin.fetchval(
        "SELECT password_hash FROM credentials WHERE person_id = $1", person.id
    )
    assert before, "whoever holds a link changes nobody's password"


async def test_t21_the_address_of_the_account_must_be_the_invited_one(identity: Identity) -> None:
    _, _, token = await invited(identity)
    stranger, organization = await identity.make_member("owner")
    member = await signed_in(identity, stranger, organization)
    response = await member.call("POST", "/me/invitations/accept", json={"token": token})
    refused(response, 403, "invitation_for_another_address")
    assert (await look_up(identity, token)).status_code == 200


async def test_staff_of_the_platform_join_nothing(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    agent = await identity.make_person(platform_role="support_agent")
    token = token_for(identity, (await invite(team["owner"], agent.email))["id"])
    headers = bearer((await identity.sign_in(agent))["access_token"])
    response = await identity.client.post(
        "/me/invitations/accept", json={"token": token}, headers=headers
    )
    refused(response, 403, "missing_permission")
    assert await team.row(agent.id) is None


async def test_t31_looking_and_getting_consume_nothing(identity: Identity) -> None:
    _, _, token = await invited(identity)
    paths = ("/invitations/lookup", "/invitations/accept", "/me/invitations/accept")
    for method in ("GET", "HEAD"):
        for path in paths:
            response = await identity.client.request(method, f"{path}?token={token}")
            assert response.status_code in (401, 405)
        for path in paths[:2]:
            response = await identity.client.request(method, f"{path}?token={token}")
            assert response.status_code == 405
    for _ in range(3):
        assert (await look_up(identity, token)).status_code == 200
    assert (await accept_new(identity, token)).status_code == 201


async def test_t17_two_who_accept_at_once_are_one_member(identity: Identity) -> None:
    for _ in range(3):
        team, invitation, token = await invited(identity)
        responses = await asyncio.gather(*(accept_new(identity, token) for _ in range(4)))
        losers = {r.json()["detail"] for r in responses if not r.is_success}
        assert len([r for r in responses if r.is_success]) == 1
        assert losers <= {"sign_in_to_accept", "invitation_accepted"}
        people = await identity.admin.fetchval(
            "SELECT count(*) FROM people WHERE email = $1", invitation["email"]
        )
        assert (people, len(await team["owner"].results("/members"))) == (1, 2)


async def test_t17_an_account_that_accepts_twice_at_once_is_one_member(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    person, elsewhere = await identity.make_member()
    token = token_for(identity, (await invite(team["owner"], person.email))["id"])
    member = await signed_in(identity, person, elsewhere)
    responses = await asyncio.gather(
        *(member.call("POST", "/me/invitations/accept", json={"token": token}) for _ in range(4))
    )
    assert sorted(response.status_code for response in responses) == [201, 410, 410, 410]
    row = await team.row(person.id)
    assert (row["active"], row["version"]) == (True, 1)


async def test_t28_who_was_removed_comes_back_as_the_same_member(identity: Identity) -> None:
    team = await make_team(identity, ["owner", "standard"])
    person = team["standard"].person
    await team["owner"].call("DELETE", f"/members/{person.id}")
    removed = await team.row(person.id)
    token = token_for(identity, (await invite(team["owner"], person.email, "client"))["id"])
    alone = bearer((await identity.sign_in(person))["access_token"])
    response = await identity.client.post(
        "/me/invitations/accept", json={"token": token}, headers=alone
    )
    assert response.status_code == 201
    row = await team.row(person.id)
    assert (row["role"], row["active"], row["version"]) == ("client", True, 3)
    assert row["tokens_not_before"] == removed["tokens_not_before"]
    refused(await team["standard"].call("GET", "/members"), 401, "token_revoked")
    back = await signed_in(identity, person, team.organization)
    assert back.claims["role"] == "client"
    assert back.claims["iat"] > removed["tokens_not_before"].timestamp()
    assert (await back.call("DELETE", "/members/me")).status_code == 204


async def test_dead_links_say_why(identity: Identity) -> None:
    team = await make_team(identity, ["owner"])
    expired, revoked, accepted = [await invite(team["owner"], address(uuid7())) for _ in range(3)]
    await expire(identity, expired["id"])
    await team["owner"].call("DELETE", f"/invitations/{revoked['id']}")
    assert (await accept_new(identity, token_for(identity, accepted["id"]))).status_code == 201
    person, elsewhere = await identity.make_member()
    member = await signed_in(identity, person, elsewhere)
    for invitation, code in (
        (expired, "invitation_expired"),
        (revoked, "invitation_revoked"),
        (accepted, "invitation_accepted"),
    ):
        token = token_for(identity, invitation["id"])
        refused(await look_up(identity, token), 410, code)
        refused(await accept_new(identity, token), 410, code)
        response = await member.call("POST", "/me/invitations/accept", json={"token": token})
        refused(response, 410, code)


@pytest.mark.parametrize("status", ["suspended", "purged"])
async def test_t33_no_way_into_an_organization_that_is_not_active(
    identity: Identity, status: str
) -> None:
    team, _, token = await invited(identity)
    await identity.admin.execute(
        "UPDATE tenants SET status = $2 WHERE id = $1", team.organization.id, status
    )
    answer = (404, "invitation_unknown") if status == "purged" else (403, "tenant_blocked")
    refused(await look_up(identity, token), *answer)
    refused(await accept_new(identity, token), *answer)


async def test_tokens_that_are_none_of_ours(identity: Identity) -> None:
    _, invitation, token = await invited(identity)
    forged = [
        "",
        "x",
        invitation["id"],
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token + "=",
        token.swapcase(),
        token_for(identity, str(uuid7())),
        link_token(identity.settings, "reset_password", UUID(invitation["id"])),
        "ä" * 64,
    ]
    for each in forged:
        refused(await look_up(identity, each), 404, "invitation_unknown")
        refused(await accept_new(identity, each), 404, "invitation_unknown")
    refused(await look_up(identity, "x" * 1000), 422, "validation_failed")
    assert (await look_up(identity, token)).status_code == 200


@pytest.mark.parametrize(
    ("password", "code"),
    [("x9$kQ2!", "too_short"), ("password1234", "too_common"), ("x9$kQ2!z" * 40, "too_long")],
)
async def test_a_weak_password_consumes_nothing(
    identity: Identity, password: str, code: str
) -> None:
    _, invitation, token = await invited(identity)
    response = await accept_new(identity, token, password=password)
    refused(response, 422, "password_too_weak")
    assert [(each["field"], each["code"]) for each in response.json()["errors"]] == [
        ("body.password", code)
    ]
    assert password not in response.text
    assert (await accept_new(identity, token)).status_code == 201
    assert invitation["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "  "},
        {"name": "a\x00b"},
        {"name": None},
        {"password": None},
        {"password": "\ud800" * 12},
        {"email": "somebody@else.example.com"},
        {"role": "owner"},
        {"platform_role": "platform_admin"},
    ],
)
async def test_t8_other_fields_and_values_are_refused(
    identity: Identity, change: dict[str, object]
) -> None:
    _, _, token = await invited(identity)
    body = {"token": token, "name": "Grace", "password": PASSWORD, **change}
    response = await identity.client.post(
        "/invitations/accept",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    refused(response, 422, "validation_failed")


async def test_a_member_s_second_invitation_changes_nothing(identity: Identity) -> None:
    """His address was not a member's when he was invited."""
    team, invitation, token = await invited(identity, "owner")
    person = await identity.make_person(email=invitation["email"])
    await identity.join(person, team.organization, "viewer")
    member = await signed_in(identity, person, team.organization)
    response = await member.call("POST", "/me/invitations/accept", json={"token": token})
    refused(response, 409, "already_member")
    assert (await team.row(person.id))["role"] == "viewer"
