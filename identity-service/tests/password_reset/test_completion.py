"""`POST /password-reset/complete`: a link, once, within the hour; everybody is out."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from app.core.links import link_token
from shared_lib.ids import uuid7
from shared_lib.testing.mail import text_of
from tests.conftest import PASSWORD, CoreReceiver, Identity, Person, bearer
from tests.mailbox import next_mail, next_token, security_event, tokens_to, worker_is_idle

PATH = "/password-reset/complete"
NEW = "another horse, another staple"


async def begun(identity: Identity, person: Person) -> str:
    """The token of a link that was mailed to `person`."""
    before = len(tokens_to(identity, person.email))
    response = await identity.client.post("/password-reset", json={"email": person.email})
    assert response.status_code == 202
    return await next_token(identity, person.email, after=before)


async def complete(identity: Identity, token: str, password: str = NEW) -> httpx.Response:
    return await identity.client.post(PATH, json={"token": token, "password": password})


def refused(response: httpx.Response, detail: str = "password_reset_link_invalid") -> None:
    status = 404 if detail.endswith("_invalid") else 422
    assert (response.status_code, response.json()["detail"]) == (status, detail), response.text


async def opens(identity: Identity, person: Person, password: str) -> bool:
    response = await identity.token(username=person.email, password=password)
    assert response.status_code == 200 or response.json()["detail"] == "invalid_credentials"
    return response.status_code == 200


async def test_the_new_password_is_the_only_one(identity: Identity) -> None:
    person = await identity.make_person()
    response = await complete(identity, await begun(identity, person))
    assert (response.status_code, response.content) == (204, b"")
    assert await opens(identity, person, NEW)
    assert not await opens(identity, person, PASSWORD)


async def test_a_person_without_a_password_gets_one(identity: Identity) -> None:
    person = await identity.make_person(password_hash=None)
    assert (await complete(identity, await begun(identity, person))).status_code == 204
    assert await opens(identity, person, NEW)


async def test_everybody_is_signed_out(identity: Identity, core: CoreReceiver) -> None:
    person, _ = await identity.make_member()
    stranger = await identity.make_person()
    answers = [await identity.sign_in(person) for _ in range(2)]
    other = await identity.sign_in(stranger)
    assert (await complete(identity, await begun(identity, person))).status_code == 204
    for answer in answers:
        me = await identity.client.get("/me", headers=bearer(answer["access_token"]))
        assert (me.status_code, me.json()["detail"]) == (401, "token_revoked")
        assert (await identity.refresh(answer["refresh_token"])).json()["detail"] == "session_ended"
    reasons = await identity.admin.fetch(
        "SELECT DISTINCT ended_reason FROM sign_in_sessions WHERE person_id = $1", person.id
    )
    assert [row["ended_reason"] for row in reasons] == ["password_reset"]
    me = await identity.client.get("/me", headers=bearer(other["access_token"]))
    assert me.status_code == 200
    await core.learns(person.id)
    (revocation,) = core.revoked(person.id)
    assert (revocation["kind"], revocation["tenant_id"]) == ("person", None)
    assert revocation["not_before"]
    # Whoever signs in at once gets a token that this revocation does not reach.
    answer = (await identity.token(username=person.email, password=NEW)).json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    not_before = await identity.admin.fetchval(
        "SELECT tokens_not_before FROM people WHERE id = $1", person.id
    )
    assert claims["iat"] > not_before.timestamp()
    me = await identity.client.get("/me", headers=bearer(answer["access_token"]))
    assert me.status_code == 200


async def test_a_second_reset_reaches_what_was_issued_since_the_first(
    identity: Identity, core: CoreReceiver
) -> None:
    """A token that was issued in the second of the first one is dated in the next second."""
    person = await identity.make_person()
    token = await begun(identity, person)
    before = datetime(2099, 1, 1, 12, 30, 15, 250_000, UTC)
    await identity.admin.execute(
        "UPDATE people SET tokens_not_before = $2 WHERE id = $1", person.id, before
    )
    assert (await complete(identity, token)).status_code == 204
    await core.learns(person.id)
    told = datetime.fromisoformat(core.revoked(person.id)[0]["not_before"])
    kept = await identity.admin.fetchval(
        "SELECT tokens_not_before FROM people WHERE id = $1", person.id
    )
    assert told == kept == datetime(2099, 1, 1, 12, 30, 16, tzinfo=UTC)


async def test_the_person_is_told_and_the_core_too(identity: Identity, core: CoreReceiver) -> None:
    person = await identity.make_person()
    assert (await complete(identity, await begun(identity, person))).status_code == 204
    mail = await next_mail(identity, person.email, after=1)
    assert "was changed" in text_of(mail)
    assert "#token=" not in text_of(mail)
    event = await security_event(core, "people.reset_password", str(person.id))
    assert (event["actor_id"], event["outcome"]) == (str(person.id), "succeeded")


async def test_a_link_works_once(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    assert (await complete(identity, token)).status_code == 204
    refused(await complete(identity, token, "yet another horse entirely"))
    assert await opens(identity, person, NEW)


async def test_of_two_at_once_one_sets_the_password(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    passwords = [f"{NEW}, number {number}" for number in range(3)]
    responses = await asyncio.gather(*(complete(identity, token, each) for each in passwords))
    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == [204, 404, 404]
    assert await opens(identity, person, passwords[statuses.index(204)])


async def test_a_newer_link_leaves_older_ones_good_until_one_is_used(identity: Identity) -> None:
    """Or whoever asks for more of them would spoil the one that the person is about to use."""
    person = await identity.make_person()
    older, newer = await begun(identity, person), await begun(identity, person)
    assert (await complete(identity, older)).status_code == 204
    refused(await complete(identity, newer, "yet another horse entirely"))
    assert await opens(identity, person, NEW)


async def test_a_changed_password_kills_what_was_asked_for_before(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    answer = await identity.sign_in(person)
    response = await identity.client.put(
        "/me/password",
        headers=bearer(answer["access_token"]),
        json={"current_password": PASSWORD, "new_password": "a horse of his own choice"},
    )
    assert response.status_code == 204, response.text
    refused(await complete(identity, token))
    assert await opens(identity, person, "a horse of his own choice")
    assert (await complete(identity, await begun(identity, person))).status_code == 204


async def test_a_hash_that_is_renewed_kills_no_link(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    await identity.admin.execute(
        "UPDATE credentials SET updated_at = now() WHERE person_id = $1", person.id
    )
    assert (await complete(identity, token)).status_code == 204


async def test_a_link_lives_for_an_hour(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    life = await identity.admin.fetchval(
        "SELECT extract(epoch FROM expires_at - created_at) FROM password_resets"
        " WHERE person_id = $1",
        person.id,
    )
    assert life == 3600
    await identity.admin.execute(
        "UPDATE password_resets SET expires_at = now() WHERE person_id = $1", person.id
    )
    refused(await complete(identity, token))


async def test_a_person_who_was_deactivated_meanwhile_stays_out(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    await identity.admin.execute("UPDATE people SET active = false WHERE id = $1", person.id)
    refused(await complete(identity, token))


async def test_a_weak_password_is_refused_and_the_link_still_works(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    for weak in ("sh0rt", "password123", person.email):
        refused(await complete(identity, token, weak), "password_too_weak")
    assert (await complete(identity, token)).status_code == 204


# T31
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_at_a_link_does_not_use_it_up(identity: Identity, method: str) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    for path in (PATH, "/password-reset"):
        response = await identity.client.request(method, path, params={"token": token})
        assert response.status_code == 405
    assert (await complete(identity, token)).status_code == 204


async def test_a_token_for_something_else_is_none(identity: Identity) -> None:
    person = await identity.make_person()
    token = await begun(identity, person)
    reset_id: UUID = await identity.admin.fetchval(
        "SELECT id FROM password_resets WHERE person_id = $1", person.id
    )
    assert token == link_token(identity.settings, "password-reset", reset_id)
    for purpose in ("sign-up", "invitation", ""):
        refused(await complete(identity, link_token(identity.settings, purpose, reset_id)))
    refused(await complete(identity, link_token(identity.settings, "password-reset", uuid7())))
    for garbage in ("", "x", "A" * 64, "A" * 5000):
        refused(await complete(identity, garbage))


async def test_a_request_that_was_never_mailed_opens_nothing(identity: Identity) -> None:
    """Not even to somebody who could make tokens: no person stands in its row."""
    email = f"nobody-{uuid7().hex}@example.com"
    await identity.client.post("/password-reset", json={"email": email})
    await worker_is_idle(identity)
    reset_id: Any = await identity.admin.fetchval(
        "SELECT id FROM password_resets WHERE email = $1", email
    )
    refused(await complete(identity, link_token(identity.settings, "password-reset", reset_id)))
