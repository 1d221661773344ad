"""`GET /sessions`, `DELETE /sessions/{id}`, `POST /logout/all`: one's own, and nobody else's."""

import asyncio
from typing import Any

import httpx
import jwt
import pytest

from shared_lib.ids import uuid7
from tests.conftest import Identity, Person, bearer


def sid_of(answer: dict[str, Any]) -> str:
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    return str(claims["sid"])


def headers_of(answer: dict[str, Any]) -> dict[str, str]:
    return bearer(answer["access_token"])


async def listed(identity: Identity, answer: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    response = await identity.client.get("/sessions", headers=headers_of(answer), params=query)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


async def reasons(identity: Identity, person: Person) -> dict[str, str | None]:
    rows = await identity.admin.fetch(
        "SELECT id, ended_reason FROM sign_in_sessions WHERE person_id = $1", person.id
    )
    return {str(row["id"]): row["ended_reason"] for row in rows}


async def end(identity: Identity, answer: dict[str, Any], session_id: object) -> httpx.Response:
    return await identity.client.delete(f"/sessions/{session_id}", headers=headers_of(answer))


async def test_a_person_sees_where_he_is_signed_in(identity: Identity) -> None:
    person, organization = await identity.make_member()
    stranger = await identity.make_person()
    await identity.sign_in(stranger)
    first, second = [await identity.sign_in(person) for _ in range(2)]
    newest, oldest = await listed(identity, second)
    assert [each["id"] for each in (newest, oldest)] == [sid_of(second), sid_of(first)]
    assert [each["current"] for each in (newest, oldest)] == [True, False]
    assert newest.keys() == {
        "id",
        "created_at",
        "last_used_at",
        "expires_at",
        "client_ip",
        "user_agent",
        "last_client_ip",
        "tenant_id",
        "current",
    }
    assert newest["tenant_id"] == str(organization.id)
    assert newest["client_ip"] == newest["last_client_ip"] == "127.0.0.1"
    assert newest["user_agent"].startswith("python-httpx/")


async def test_the_list_has_pages(identity: Identity) -> None:
    person = await identity.make_person()
    answers = [await identity.sign_in(person) for _ in range(3)]
    first = await listed(identity, answers[0], skip=1, limit=1)
    assert [each["id"] for each in first] == [sid_of(answers[1])]
    response = await identity.client.get(
        "/sessions", headers=headers_of(answers[0]), params={"cursor": "", "limit": 2}
    )
    cursor = response.json()["paging"]["next_cursor"]
    last = await listed(identity, answers[0], cursor=cursor, limit=2)
    assert [each["id"] for each in last] == [sid_of(answers[0])]


@pytest.mark.parametrize(
    "over",
    [
        "expires_at = now()",
        "last_used_at = now() - interval '7 days 1 second'",
        "ended_at = now(), ended_reason = 'signed_out'",
    ],
)
async def test_what_is_over_is_not_listed(identity: Identity, over: str) -> None:
    person = await identity.make_person()
    gone, here = [await identity.sign_in(person) for _ in range(2)]
    await identity.admin.execute(
        f"UPDATE sign_in_sessions SET {over} WHERE id = $1",  # noqa: S608
        sid_of(gone),
    )
    assert [each["id"] for each in await listed(identity, here)] == [sid_of(here)]
    response = await end(identity, here, sid_of(gone))
    assert response.status_code == (404 if over.startswith("ended") else 204)


async def test_another_device_is_signed_out_from_here(identity: Identity) -> None:
    person, _ = await identity.make_member()
    lost, here = [await identity.sign_in(person) for _ in range(2)]
    assert (await end(identity, here, sid_of(lost))).status_code == 204
    response = await identity.client.get("/me", headers=headers_of(lost))
    assert (response.status_code, response.json()["detail"]) == (401, "token_revoked")
    assert (await identity.refresh(lost["refresh_token"])).json()["detail"] == "session_ended"
    assert (await identity.refresh(here["refresh_token"])).status_code == 200
    assert await reasons(identity, person) == {
        sid_of(lost): "ended_by_person",
        sid_of(here): None,
    }
    again = await end(identity, here, sid_of(lost))
    assert (again.status_code, again.json()["detail"]) == (404, "session_not_found")


async def test_the_present_session_can_be_ended_too(identity: Identity) -> None:
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    assert (await end(identity, answer, sid_of(answer))).status_code == 204
    assert (await end(identity, answer, sid_of(answer))).status_code == 401


async def test_sessions_of_others_are_not_there(identity: Identity) -> None:
    person, organization = await identity.make_member("owner")
    colleague = await identity.make_person()
    await identity.join(colleague, organization, "viewer")
    mine, theirs = await identity.sign_in(person), await identity.sign_in(colleague)
    for session_id in (sid_of(theirs), uuid7()):
        response = await end(identity, mine, session_id)
        assert (response.status_code, response.json()["detail"]) == (404, "session_not_found")
    assert (await end(identity, mine, "not-an-id")).status_code == 422
    assert len(await listed(identity, theirs)) == 1


async def test_signing_out_everywhere_ends_this_one_too(identity: Identity) -> None:
    person, _ = await identity.make_member()
    stranger = await identity.make_person()
    answers = [await identity.sign_in(person) for _ in range(3)]
    other = await identity.sign_in(stranger)
    response = await identity.client.post("/logout/all", headers=headers_of(answers[1]))
    assert (response.status_code, response.content) == (204, b"")
    for answer in answers:
        refused = await identity.client.get("/me", headers=headers_of(answer))
        assert (refused.status_code, refused.json()["detail"]) == (401, "token_revoked")
        assert (await identity.refresh(answer["refresh_token"])).json()["detail"] == "session_ended"
    assert set((await reasons(identity, person)).values()) == {"signed_out_everywhere"}
    assert (await identity.refresh(other["refresh_token"])).status_code == 200
    # He comes back at once.
    again = await identity.sign_in(person)
    assert (await identity.client.get("/me", headers=headers_of(again))).status_code == 200


async def test_a_refresh_that_is_under_way_does_not_survive_it(identity: Identity) -> None:
    person, _ = await identity.make_member()
    here, elsewhere = [await identity.sign_in(person) for _ in range(2)]
    responses = await asyncio.gather(
        identity.refresh(elsewhere["refresh_token"]),
        identity.client.post("/logout/all", headers=headers_of(here)),
        identity.client.post("/logout/all", headers=headers_of(elsewhere)),
    )
    assert {response.status_code for response in responses[1:]} <= {204, 401}
    for response in responses:
        assert response.status_code != 500
    assert None not in (await reasons(identity, person)).values()
    if responses[0].status_code == 200:
        renewed = responses[0].json()
        assert (await identity.refresh(renewed["refresh_token"])).json()["detail"] == (
            "session_ended"
        )
        assert (await identity.client.get("/me", headers=headers_of(renewed))).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions"),
        ("DELETE", "/sessions/01a1fa60-0000-7000-8000-000000000001"),
        ("POST", "/logout/all"),
    ],
)
async def test_without_a_token_it_is_401(identity: Identity, method: str, path: str) -> None:
    response = await identity.client.request(method, path)
    assert (response.status_code, response.json()["detail"]) == (401, "missing_token")
