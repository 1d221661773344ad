"""Refresh tokens: rotation, repetition, theft, expiry, and what is read anew each time."""

import asyncio
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from shared_lib.ids import uuid7
from tests.conftest import CORE_SECRET, CoreReceiver, Identity, bearer


def claims_in(answer: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(answer["access_token"], options={"verify_signature": False})
    return claims


def refused(response: httpx.Response, detail: str, error: str = "invalid_grant") -> None:
    assert response.status_code == 400, response.text
    assert (response.json()["error"], response.json()["detail"]) == (error, detail)
    assert response.headers["cache-control"] == "no-store"


def hash_of(refresh_token: str) -> bytes:
    return sha256(refresh_token.encode()).digest()


async def spent_long_ago(identity: Identity, refresh_token: str) -> None:
    """Move the moment in which a token was spent out of the grace period."""
    async with identity.admin.transaction():
        # Past the trigger that keeps a spent token as it is.
        await identity.admin.execute("SET LOCAL session_replication_role = replica")
        await identity.admin.execute(
            "UPDATE refresh_tokens SET spent_at = spent_at - interval '11 seconds'"
            " WHERE token_hash = $1",
            hash_of(refresh_token),
        )


async def test_each_use_gives_another_token_of_the_same_session(identity: Identity) -> None:
    person, organization = await identity.make_member("admin")
    first = await identity.sign_in(person)
    seen = [first["refresh_token"]]
    for _ in range(3):
        response = await identity.refresh(seen[-1])
        answer = response.json()
        assert answer.keys() == first.keys()
        assert answer["refresh_token"] not in seen
        seen.append(answer["refresh_token"])
        claims, before = claims_in(answer), claims_in(first)
        assert claims["jti"] != before["jti"]
        kept = ("sid", "auth_time", "amr", "sub", "tenant_id", "role", "client_id")
        assert {k: claims[k] for k in kept} == {k: before[k] for k in kept}
        assert claims["tenant_id"] == str(organization.id)


async def test_the_database_holds_neither_token_nor_answer(identity: Identity) -> None:
    person, _ = await identity.make_member()
    first = await identity.sign_in(person)
    second = (await identity.refresh(first["refresh_token"])).json()
    rows = await identity.admin.fetch(
        "SELECT refresh_tokens::text AS row FROM refresh_tokens JOIN sign_in_sessions s"
        " ON s.id = session_id WHERE person_id = $1",
        person.id,
    )
    everything = " ".join(row["row"] for row in rows)
    assert len(rows) == 2
    for secret in (first["refresh_token"], second["refresh_token"], second["access_token"]):
        assert secret not in everything
        assert secret.encode().hex() not in everything


async def test_a_second_tab_gets_the_same_answer(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    first = await identity.refresh(token)
    second = await identity.refresh(token)
    assert first.status_code == 200
    assert second.content == first.content
    assert (await identity.refresh(first.json()["refresh_token"])).status_code == 200


async def test_two_uses_at_once_get_the_same_answer(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    responses = await asyncio.gather(*(identity.refresh(token) for _ in range(4)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.content for response in responses}) == 1
    count = await identity.admin.fetchval(
        "SELECT count(*) FROM refresh_tokens JOIN sign_in_sessions s ON s.id = session_id"
        " WHERE person_id = $1",
        person.id,
    )
    assert count == 2


async def test_a_second_tab_that_wants_another_organization_gets_no_answer_for_this_one(
    identity: Identity,
) -> None:
    person, _ = await identity.make_member()
    other = await identity.make_organization()
    await identity.join(person, other)
    token = (await identity.sign_in(person))["refresh_token"]
    first = (await identity.refresh(token)).json()
    refused(await identity.refresh(token, tenant_id=str(other.id)), "refresh_token_spent")
    switched = await identity.refresh(first["refresh_token"], tenant_id=str(other.id))
    assert claims_in(switched.json())["tenant_id"] == str(other.id)


async def test_a_spent_token_that_comes_back_ends_the_session(
    identity: Identity, core: CoreReceiver
) -> None:
    person, _ = await identity.make_member()
    signed_in = await identity.sign_in(person)
    stolen = signed_in["refresh_token"]
    current = (await identity.refresh(stolen)).json()
    await spent_long_ago(identity, stolen)
    refused(await identity.refresh(stolen), "refresh_token_reused")
    # Neither of the two holders goes on.
    refused(await identity.refresh(current["refresh_token"]), "session_ended")
    me = await identity.client.get("/me", headers=bearer(current["access_token"]))
    assert (me.status_code, me.json()["detail"]) == (401, "token_revoked")
    sid = UUID(claims_in(signed_in)["sid"])
    reason = await identity.admin.fetchval(
        "SELECT ended_reason FROM sign_in_sessions WHERE id = $1", sid
    )
    assert reason == "refresh_token_reused"
    await core.learns(sid)


async def test_an_answer_is_forgotten_once_nobody_may_ask_for_it(identity: Identity) -> None:
    person, _ = await identity.make_member()
    first = (await identity.sign_in(person))["refresh_token"]
    second = (await identity.refresh(first)).json()["refresh_token"]
    await spent_long_ago(identity, first)
    assert (await identity.refresh(second)).status_code == 200
    answers = [
        await identity.admin.fetchval(
            "SELECT answer IS NOT NULL FROM refresh_tokens WHERE token_hash = $1", hash_of(token)
        )
        for token in (first, second)
    ]
    assert answers == [False, True]


@pytest.mark.parametrize(
    ("table", "condition", "detail"),
    [
        ("refresh_tokens", "token_hash = $1", "refresh_token_expired"),
        (
            "sign_in_sessions",
            "id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1)",
            "session_ended",
        ),
    ],
)
async def test_nothing_lives_for_ever(
    identity: Identity, table: str, condition: str, detail: str
) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    await identity.admin.execute(
        f"UPDATE {table} SET expires_at = now() WHERE {condition}",  # noqa: S608
        hash_of(token),
    )
    refused(await identity.refresh(token), detail)


async def test_idle_and_absolute_limits_are_seven_and_thirty_days(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    ages = await identity.admin.fetchrow(
        "SELECT t.expires_at - t.issued_at AS idle, s.expires_at - s.created_at AS absolute"
        " FROM refresh_tokens t JOIN sign_in_sessions s ON s.id = t.session_id"
        " WHERE token_hash = $1",
        hash_of(token),
    )
    assert (ages["idle"].days, ages["absolute"].days) == (7, 30)
    await identity.admin.execute(
        "UPDATE sign_in_sessions SET expires_at = now() + interval '1 hour' WHERE id ="
        " (SELECT session_id FROM refresh_tokens WHERE token_hash = $1)",
        hash_of(token),
    )
    token = (await identity.refresh(token)).json()["refresh_token"]
    within = await identity.admin.fetchval(
        "SELECT t.expires_at = s.expires_at FROM refresh_tokens t"
        " JOIN sign_in_sessions s ON s.id = t.session_id WHERE token_hash = $1",
        hash_of(token),
    )
    assert within


async def test_the_role_is_read_anew(identity: Identity) -> None:
    person, organization = await identity.make_member("viewer")
    token = (await identity.sign_in(person))["refresh_token"]
    await identity.admin.execute(
        "UPDATE memberships SET role = 'admin' WHERE person_id = $1", person.id
    )
    claims = claims_in((await identity.refresh(token)).json())
    assert (claims["tenant_id"], claims["role"]) == (str(organization.id), "admin")


async def test_a_membership_that_ended_is_refused_and_others_stay_open(
    identity: Identity,
) -> None:
    person, organization = await identity.make_member()
    other = await identity.make_organization()
    await identity.join(person, other, "owner")
    token = (await identity.sign_in(person, tenant_id=str(organization.id)))["refresh_token"]
    await identity.admin.execute("DELETE FROM memberships WHERE tenant_id = $1", organization.id)
    refused(await identity.refresh(token), "membership_ended")
    claims = claims_in((await identity.refresh(token, tenant_id=str(other.id))).json())
    assert (claims["tenant_id"], claims["role"]) == (str(other.id), "owner")


async def test_a_switch_is_remembered_and_needs_a_membership(identity: Identity) -> None:
    person, _ = await identity.make_member()
    other = await identity.make_organization()
    token = (await identity.sign_in(person))["refresh_token"]
    refused(await identity.refresh(token, tenant_id=str(other.id)), "tenant_not_found")
    await identity.join(person, other)
    switched = (await identity.refresh(token, tenant_id=str(other.id))).json()
    again = (await identity.refresh(switched["refresh_token"])).json()
    fresh = await identity.sign_in(person)
    for answer in (switched, again, fresh):
        assert claims_in(answer)["tenant_id"] == str(other.id)


async def test_an_inactive_person_is_refused(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    await identity.admin.execute("UPDATE people SET active = false WHERE id = $1", person.id)
    refused(await identity.refresh(token), "account_inactive")


async def test_a_sign_out_that_comes_first_wins(identity: Identity) -> None:
    """The session is being ended by another transaction, which then commits."""
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    async with identity.admin.transaction():
        await identity.admin.execute(
            "UPDATE sign_in_sessions SET ended_at = now(), ended_reason = 'signed_out'"
            " WHERE person_id = $1",
            person.id,
        )
        attempt = asyncio.create_task(identity.refresh(token))
        done, _ = await asyncio.wait([attempt], timeout=0.5)
        assert not done
    refused(await attempt, "session_ended")


async def test_staff_and_the_unverified_refresh_as_what_they_are(identity: Identity) -> None:
    staff = await identity.make_person(platform_role="support_agent")
    unverified, organization = await identity.make_member(verified=False)
    answer = (await identity.refresh((await identity.sign_in(staff))["refresh_token"])).json()
    assert claims_in(answer)["role"] == "support_agent"
    token = (await identity.sign_in(unverified))["refresh_token"]
    refused(await identity.refresh(token, tenant_id=str(organization.id)), "email_not_verified")
    assert "tenant_id" not in claims_in((await identity.refresh(token)).json())


async def test_what_is_no_refresh_token_of_this_client_is_refused(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["refresh_token"]
    refused(await identity.refresh("guessed"), "refresh_token_unknown")
    refused(await identity.refresh(str(uuid7())), "refresh_token_unknown")
    refused(
        await identity.token(grant_type="refresh_token"), "missing_parameter", "invalid_request"
    )
    refused(
        await identity.refresh(token, client_id="another"),
        "client_not_allowed",
        "unauthorized_client",
    )
    response = await identity.client.post(
        "/token",
        data={"grant_type": "refresh_token", "refresh_token": token},
        auth=("phase-zero-web", CORE_SECRET),
    )
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    await identity.admin.execute(
        "UPDATE sign_in_sessions SET client_id = 'another' WHERE person_id = $1", person.id
    )
    refused(await identity.refresh(token), "refresh_token_unknown")
