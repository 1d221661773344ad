"""`POST /sign-up/complete`: the holder of the link becomes a person, once."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.links import link_token
from shared_lib.audit import PLATFORM
from shared_lib.ids import uuid7
from tests.conftest import PASSWORD, CoreReceiver, Identity, Person, bearer
from tests.mailbox import next_token, security_event, tokens_to

PATH = "/sign-up/complete"


async def begun(identity: Identity, email: str | None = None, **body: Any) -> tuple[str, str]:
    """A sign-up: its address and the token that was mailed."""
    email = email or f"New-{uuid7().hex}@example.com"
    before = len(tokens_to(identity, email))
    response = await identity.client.post("/sign-up", json={"email": email, **body})
    assert response.status_code == 202, response.text
    return email, await next_token(identity, email, after=before)


async def complete(identity: Identity, token: str, **body: Any) -> httpx.Response:
    return await identity.client.post(
        PATH, json={"token": token, "name": "Ada", "password": PASSWORD, **body}
    )


def refused(response: httpx.Response, status: int, detail: str) -> None:
    assert (response.status_code, response.json()["detail"]) == (status, detail), response.text


async def people_of(identity: Identity, email: str) -> list[Any]:
    rows: list[Any] = await identity.admin.fetch(
        "SELECT * FROM people WHERE email_normalized = $1", email.lower()
    )
    return rows


async def test_whoever_holds_the_link_becomes_a_verified_person(identity: Identity) -> None:
    email, token = await begun(identity)
    response = await complete(identity, token, name=" Ada Lovelace ")
    assert response.status_code == 201, response.text
    (row,) = await people_of(identity, email)
    assert response.json() == {"id": str(row["id"]), "email": email, "name": "Ada Lovelace"}
    assert row["verified_at"] is not None
    assert (row["active"], row["platform_role"]) == (True, None)
    # T21: he signs in with whatever case.
    answer = await identity.sign_in(Person(row["id"], email.upper()))
    me = await identity.client.get("/me", headers=bearer(answer["access_token"]))
    assert (me.json()["verified"], me.json()["memberships"]) == (True, [])


async def test_a_link_works_once(identity: Identity) -> None:
    email, token = await begun(identity)
    assert (await complete(identity, token)).status_code == 201
    refused(await complete(identity, token, name="Eve"), 404, "sign_up_link_invalid")
    (row,) = await people_of(identity, email)
    assert row["name"] == "Ada"


async def test_of_two_at_once_one_becomes_a_person(identity: Identity) -> None:
    email, token = await begun(identity)
    responses = await asyncio.gather(
        *(complete(identity, token, name=f"Ada {number}") for number in range(3))
    )
    assert sorted(response.status_code for response in responses) == [201, 404, 404]
    assert len(await people_of(identity, email)) == 1


async def test_two_links_of_one_address_make_one_person(identity: Identity) -> None:
    email, first = await begun(identity)
    _, second = await begun(identity, email.replace("New", "NEW"))
    responses = await asyncio.gather(complete(identity, first), complete(identity, second))
    assert sorted(response.status_code for response in responses) == [201, 409]
    assert {response.json().get("detail") for response in responses} == {None, "email_taken"}
    assert len(await people_of(identity, email)) == 1


async def test_an_address_that_became_somebodys_meanwhile_is_taken(identity: Identity) -> None:
    email, token = await begun(identity)
    person = await identity.make_person(email=email.upper())
    refused(await complete(identity, token), 409, "email_taken")
    assert [row["id"] for row in await people_of(identity, email)] == [person.id]
    assert (await identity.token(username=email, password=PASSWORD)).status_code == 200


async def test_a_link_lives_for_a_day(identity: Identity) -> None:
    email, token = await begun(identity)
    life = await identity.admin.fetchval(
        "SELECT extract(epoch FROM expires_at - created_at) FROM sign_ups WHERE email = $1", email
    )
    assert life == 24 * 3600
    await identity.admin.execute("UPDATE sign_ups SET expires_at = now() WHERE email = $1", email)
    refused(await complete(identity, token), 404, "sign_up_link_invalid")
    assert await people_of(identity, email) == []


# T31
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_at_a_link_does_not_use_it_up(identity: Identity, method: str) -> None:
    email, token = await begun(identity)
    for path in (PATH, "/sign-up"):
        response = await identity.client.request(method, path, params={"token": token})
        assert response.status_code == 405
    assert (await complete(identity, token)).status_code == 201
    assert len(await people_of(identity, email)) == 1


async def test_a_weak_password_is_refused_and_the_link_still_works(identity: Identity) -> None:
    email, token = await begun(identity)
    for weak in ("sh0rt", "password123", email):
        response = await complete(identity, token, password=weak)
        refused(response, 422, "password_too_weak")
        assert response.json()["errors"][0]["field"] == "body.password"
        assert weak not in response.text
    assert (await complete(identity, token)).status_code == 201


async def test_the_name_may_be_given_first_or_last(identity: Identity) -> None:
    email, token = await begun(identity, name="Given first")
    body = {"token": token, "password": PASSWORD}
    assert (await identity.client.post(PATH, json=body)).json()["name"] == "Given first"
    email, token = await begun(identity, name="Given first")
    assert (await complete(identity, token, name="Changed")).json()["name"] == "Changed"
    email, token = await begun(identity)
    response = await identity.client.post(PATH, json={"token": token, "password": PASSWORD})
    refused(response, 422, "validation_failed")
    assert response.json()["errors"][0]["field"] == "body.name"
    assert await people_of(identity, email) == []


@pytest.mark.parametrize(
    "name", ["", "   ", "A\nB", "A\x00B", "A\u202eB", "\u2028", "x" * 201, None]
)
async def test_what_is_no_name_is_refused(identity: Identity, name: str | None) -> None:
    _, token = await begun(identity)
    refused(await complete(identity, token, name=name), 422, "validation_failed")


@pytest.mark.parametrize("token", ["", "x", "A" * 64, "ä" * 64, "A" * 5000, "\ud800"])
async def test_what_is_no_token_is_refused(identity: Identity, token: str) -> None:
    response = await identity.client.post(
        PATH,
        content=f'{{"token": {ascii_json(token)}, "name": "Ada", "password": "{PASSWORD}"}}',
        headers={"content-type": "application/json"},
    )
    assert response.status_code in (404, 422)
    assert response.json()["detail"] in ("sign_up_link_invalid", "validation_failed")


def ascii_json(text: str) -> str:
    return '"' + "".join(each if each.isascii() else f"\\u{ord(each):04x}" for each in text) + '"'


async def test_a_token_for_something_else_is_none(identity: Identity) -> None:
    email, token = await begun(identity)
    sign_up_id: UUID = await identity.admin.fetchval(
        "SELECT id FROM sign_ups WHERE email = $1", email
    )
    assert token == link_token(identity.settings, "sign-up", sign_up_id)
    for purpose in ("password-reset", "invitation", "Sign-up", ""):
        other = link_token(identity.settings, purpose, sign_up_id)
        refused(await complete(identity, other), 404, "sign_up_link_invalid")
    for unknown in (uuid7(), UUID(int=0)):
        other = link_token(identity.settings, "sign-up", unknown)
        refused(await complete(identity, other), 404, "sign_up_link_invalid")


async def test_the_core_hears_of_a_new_person(identity: Identity, core: CoreReceiver) -> None:
    _, token = await begun(identity)
    person_id = (await complete(identity, token)).json()["id"]
    event = await security_event(core, "people.create", person_id)
    assert (event["actor_id"], event["subject_id"]) == (person_id, person_id)
    assert (event["outcome"], event["tenant_id"]) == ("succeeded", str(PLATFORM))
    assert token not in str(event)
