"""Tokens that are dead from an instant on, and the next one, which outlives it."""

import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from app.core.process import issued_at
from tests.conftest import Identity, Organization, Person, bearer
from tests.token.test_exchange import Support

NOON = datetime(2026, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def test_a_token_is_issued_now_or_in_the_first_second_that_is_alive() -> None:
    noon = int(NOON.timestamp())
    assert issued_at(now=NOON) == noon
    assert issued_at(None, None, now=NOON) == noon
    assert issued_at(NOON - timedelta(seconds=1), now=NOON) == noon
    assert issued_at(NOON, now=NOON) == noon + 1
    assert issued_at(NOON.replace(microsecond=0), now=NOON) == noon + 1
    assert issued_at(None, NOON + timedelta(seconds=1), NOON, now=NOON) == noon + 2
    assert abs(issued_at() - time.time()) < 60


async def set_not_before(
    identity: Identity, table: str, person: Person, organization: Organization, instant: datetime
) -> None:
    key = "id = $1" if table == "people" else "person_id = $1"
    await identity.admin.execute(
        f"UPDATE {table} SET tokens_not_before = $2 WHERE {key}",  # noqa: S608
        person.id,
        instant,
    )


def issue_instant(token: str) -> int:
    claims = jwt.decode(token, options={"verify_signature": False})
    return int(claims["iat"])


@pytest.mark.parametrize("table", ["people", "memberships"])
async def test_every_grant_issues_tokens_that_outlive_what_was_revoked(
    identity: Identity, table: str
) -> None:
    person, organization = await identity.make_member("owner")
    first = await identity.sign_in(person)
    instant = datetime.now(UTC) + timedelta(seconds=20)
    await set_not_before(identity, table, person, organization, instant)
    refreshed = (await identity.refresh(first["refresh_token"])).json()
    again = await identity.sign_in(person)
    for answer in (refreshed, again):
        assert issue_instant(answer["access_token"]) == int(instant.timestamp()) + 1
        response = await identity.client.get("/me", headers=bearer(answer["access_token"]))
        assert response.status_code == 200
    dead = await identity.client.get("/me", headers=bearer(first["access_token"]))
    # A membership's end is not the end of a person: his own rows stay his.
    assert dead.status_code == (401 if table == "people" else 200)


async def begin_support(identity: Identity) -> Support:
    agent = await identity.make_person(platform_role="support_agent")
    member, organization = await identity.make_member("viewer")
    token = (await identity.sign_in(agent))["access_token"]
    return Support(identity, agent, token, member, organization)


@pytest.mark.parametrize("table", ["people", "memberships"])
async def test_a_borrowed_member_s_token_does_too(identity: Identity, table: str) -> None:
    support = await begin_support(identity)
    instant = datetime.now(UTC) + timedelta(seconds=20)
    await set_not_before(identity, table, support.member, support.organization, instant)
    answer = (await support.ask()).json()
    assert issue_instant(answer["access_token"]) == int(instant.timestamp()) + 1


async def test_an_agent_s_dead_token_borrows_nobody(identity: Identity) -> None:
    support = await begin_support(identity)
    assert (await support.ask()).status_code == 200
    await set_not_before(identity, "people", support.agent, support.organization, datetime.now(UTC))
    response = await support.ask()
    assert (response.status_code, response.json()["detail"]) == (400, "invalid_actor_token")
