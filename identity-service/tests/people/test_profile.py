"""`PATCH /me` and `PUT /me/password`: one's own account."""

import asyncio
from typing import Any

import httpx
import jwt
import pytest

from shared_lib.testing.mail import text_of
from tests.conftest import PASSWORD, CoreReceiver, Identity, Person, bearer
from tests.mailbox import core_knows, mails_to, next_mail, security_event

NEW = "another horse, another staple"


async def patch(identity: Identity, answer: dict[str, Any], **body: object) -> httpx.Response:
    headers = bearer(answer["access_token"])
    return await identity.client.patch("/me", headers=headers, json=body)


async def change(
    identity: Identity, answer: dict[str, Any], current: str = PASSWORD, new: str = NEW
) -> httpx.Response:
    return await identity.client.put(
        "/me/password",
        headers=bearer(answer["access_token"]),
        json={"current_password": current, "new_password": new},
    )


async def me(identity: Identity, answer: dict[str, Any]) -> httpx.Response:
    return await identity.client.get("/me", headers=bearer(answer["access_token"]))


async def opens(identity: Identity, person: Person, password: str) -> bool:
    response = await identity.token(username=person.email, password=password)
    return response.status_code == 200


async def test_a_name_is_changed_and_the_rest_stays(identity: Identity) -> None:
    person, _ = await identity.make_member("viewer")
    answer = await identity.sign_in(person)
    before = (await me(identity, answer)).json()
    response = await patch(identity, answer, name="  Grace Hopper ")
    assert response.status_code == 200, response.text
    assert response.json() == {**before, "name": "Grace Hopper"}
    assert (await me(identity, answer)).json() == response.json()


async def test_the_organizations_learn_the_name(identity: Identity, core: CoreReceiver) -> None:
    person, organization = await identity.make_member()
    other = await identity.make_organization()
    await identity.join(person, other)
    answer = await identity.sign_in(person)
    for name in ("Grace", "Grace Hopper"):
        assert (await patch(identity, answer, name=name)).status_code == 200
        for each in (organization, other):
            await core_knows(core, each.id, person.id, name=name, active=True)


async def test_what_is_not_sent_stays(identity: Identity) -> None:  # T20
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    response = await patch(identity, answer)
    assert (response.status_code, response.json()["name"]) == (200, "Test Person")
    row = await identity.admin.fetchrow("SELECT * FROM people WHERE id = $1", person.id)
    assert row["email"] == person.email
    assert row["verified_at"] is not None


# T8
@pytest.mark.parametrize(
    "body",
    [
        {"name": None},
        {"name": ""},
        {"name": " "},
        {"name": "A\nB"},
        {"name": "A\x00B"},
        {"name": "x" * 201},
        {"name": 7},
        {"name": "Eve", "platform_role": "platform_admin"},
        {"name": "Eve", "email": "eve@example.com"},
        {"name": "Eve", "verified": True},
        {"name": "Eve", "active": True},
        {"name": "Eve", "id": "00000000-0000-0000-0000-000000000000"},
    ],
)
async def test_nothing_else_can_be_set(identity: Identity, body: dict[str, object]) -> None:
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    before = await identity.admin.fetchrow("SELECT * FROM people WHERE id = $1", person.id)
    response = await patch(identity, answer, **body)
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    after = await identity.admin.fetchrow("SELECT * FROM people WHERE id = $1", person.id)
    assert after == before


async def test_a_password_is_changed_and_this_session_goes_on(
    identity: Identity, core: CoreReceiver
) -> None:
    person, _ = await identity.make_member()
    here, elsewhere = [await identity.sign_in(person) for _ in range(2)]
    response = await change(identity, here)
    assert (response.status_code, response.content) == (204, b"")
    assert await opens(identity, person, NEW)
    assert not await opens(identity, person, PASSWORD)
    assert (await me(identity, here)).status_code == 200
    assert (await identity.refresh(here["refresh_token"])).status_code == 200
    refused = await me(identity, elsewhere)
    assert (refused.status_code, refused.json()["detail"]) == (401, "token_revoked")
    assert (await identity.refresh(elsewhere["refresh_token"])).json()["detail"] == "session_ended"
    claims = jwt.decode(elsewhere["access_token"], options={"verify_signature": False})
    await core.learns(claims["sid"])
    assert core.revoked(claims["sid"])[0]["kind"] == "session"
    kept = jwt.decode(here["access_token"], options={"verify_signature": False})["sid"]
    assert core.revoked(kept) == core.revoked(person.id) == []


async def test_the_person_and_the_core_are_told(identity: Identity, core: CoreReceiver) -> None:
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    assert (await change(identity, answer)).status_code == 204
    assert "was changed" in text_of(await next_mail(identity, person.email))
    event = await security_event(core, "people.change_password", str(person.id))
    assert event["actor_id"] == event["subject_id"] == str(person.id)


async def test_a_wrong_current_password_changes_nothing(identity: Identity) -> None:
    person = await identity.make_person()
    here, elsewhere = [await identity.sign_in(person) for _ in range(2)]
    for wrong in ("not the password", "", PASSWORD.upper()):
        response = await change(identity, here, current=wrong)
        assert (response.status_code, response.json()["detail"]) == (403, "current_password_wrong")
    assert await opens(identity, person, PASSWORD)
    assert (await me(identity, elsewhere)).status_code == 200
    assert mails_to(identity, person.email) == []


async def test_whoever_guesses_is_slowed_down_here_and_at_sign_in_together(
    identity: Identity,
) -> None:
    """A stolen session is no way around the throttle of sign-in (ASVS 6.3.1)."""
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    for _ in range(5):
        refused = await change(identity, answer, current="a guess")
        assert refused.json()["detail"] == "current_password_wrong"
    throttled = await change(identity, answer)
    assert (throttled.status_code, throttled.json()["detail"]) == (429, "too_many_attempts")
    assert int(throttled.headers["retry-after"]) > 0
    refused = await identity.token(username=person.email, password=PASSWORD)
    assert refused.json()["detail"] == "too_many_attempts"
    # The session itself goes on.
    assert (await me(identity, answer)).status_code == 200


async def test_whoever_knows_the_password_begins_anew(identity: Identity) -> None:
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    for password, new in ((PASSWORD, NEW), (NEW, PASSWORD)):
        for _ in range(4):
            assert (await change(identity, answer, current="a guess")).status_code == 403
        assert (await change(identity, answer, current=password, new=new)).status_code == 204


@pytest.mark.parametrize("weak", ["sh0rt", "password123", "", "x" * 300])
async def test_a_weak_password_is_refused(identity: Identity, weak: str) -> None:
    person = await identity.make_person()
    response = await change(identity, await identity.sign_in(person), new=weak)
    assert (response.status_code, response.json()["detail"]) == (422, "password_too_weak")
    assert response.json()["errors"][0]["field"] == "body.new_password"
    assert await opens(identity, person, PASSWORD)


async def test_of_two_changes_at_once_one_counts(identity: Identity) -> None:
    person = await identity.make_person()
    answers = [await identity.sign_in(person) for _ in range(2)]
    passwords = [f"{NEW}, number {number}" for number in range(2)]
    responses = await asyncio.gather(
        *(change(identity, a, new=p) for a, p in zip(answers, passwords, strict=True))
    )
    statuses = [response.status_code for response in responses]
    assert statuses.count(204) == 1
    assert {401, 403} & set(statuses)
    assert await opens(identity, person, passwords[statuses.index(204)])


async def test_a_person_without_a_password_has_none_to_change(identity: Identity) -> None:
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    await identity.admin.execute("DELETE FROM credentials WHERE person_id = $1", person.id)
    response = await change(identity, answer)
    assert (response.status_code, response.json()["detail"]) == (403, "current_password_wrong")


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/me"), ("PUT", "/me/password")])
async def test_without_a_token_it_is_401(identity: Identity, method: str, path: str) -> None:
    response = await identity.client.request(method, path, json={})
    assert (response.status_code, response.json()["detail"]) == (401, "missing_token")
