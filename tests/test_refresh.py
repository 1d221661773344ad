"""Refresh tokens: rotation, the grace of a second tab, theft, another organization."""

from functools import partial

import httpx
import pytest

from tests.conftest import MakeSystem
from tests.people import ACME, GLOBEX, Caller, is_refused, refusal, sign_in, token_request
from tests.system import System, eventually

pytestmark = pytest.mark.database


def refresh(system: System, token: str | None, **form: str) -> httpx.Response:
    return token_request(system, grant_type="refresh_token", refresh_token=str(token), **form)


def renewed(caller: Caller, **form: str) -> Caller:
    response = refresh(caller.system, caller.refresh_token, **form)
    assert response.status_code == 200, response.text
    answer = response.json()
    return Caller(caller.system, answer["access_token"], answer["refresh_token"])


def oauth_refusal(response: httpx.Response) -> tuple[str, str]:
    assert response.status_code == 400, response.text
    return response.json()["error"], response.json()["detail"]


@pytest.fixture(scope="module")
def hasty(make_system: MakeSystem) -> System:
    """A system without grace: the second use of a refresh token is theft."""
    return make_system(IDENTITY_REFRESH_GRACE="0")


def test_each_use_gives_another_token(owner: Caller) -> None:
    second = renewed(owner)
    third = renewed(second)
    assert len({each.refresh_token for each in (owner, second, third)}) == 3
    assert owner.claims["sid"] == second.claims["sid"] == third.claims["sid"]
    assert third.popups() == owner.popups()


def test_a_second_tab_gets_the_same_answer(owner: Caller) -> None:
    first = refresh(owner.system, owner.refresh_token)
    second = refresh(owner.system, owner.refresh_token)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    renewed(Caller(owner.system, first.json()["access_token"], first.json()["refresh_token"]))


def test_theft_ends_the_session_everywhere(hasty: System) -> None:
    victim = sign_in(hasty, "owner@acme.example.com")
    other = sign_in(hasty, "owner@acme.example.com")
    thief = renewed(victim)
    assert thief.popups()

    reused = refresh(hasty, victim.refresh_token)
    assert oauth_refusal(reused) == ("invalid_grant", "refresh_token_reused")
    ended = refresh(hasty, thief.refresh_token)
    assert oauth_refusal(ended) == ("invalid_grant", "session_ended")
    for each in (victim, thief):
        assert refusal(each.identity("GET", "/me")) == (401, "token_revoked")
        eventually("the core hears", partial(is_refused, each, "token_revoked"))
    assert other.popups()
    renewed(other)


def test_a_refresh_token_is_no_access_token(owner: Caller) -> None:
    wrong = Caller(owner.system, str(owner.refresh_token))
    assert refusal(wrong.core("GET", "/popups")) == (401, "invalid_token")
    assert oauth_refusal(refresh(owner.system, owner.access_token)) == (
        "invalid_grant",
        "refresh_token_unknown",
    )


def test_a_person_of_two_organizations_changes_between_them(hasty: System) -> None:
    """The membership is made in the database: inviting somebody comes later."""
    person = sign_in(hasty, "standard@acme.example.com")
    denied = refresh(hasty, person.refresh_token, tenant_id=str(GLOBEX))
    assert oauth_refusal(denied) == ("invalid_grant", "tenant_not_found")
    hasty.sql(
        "identity",
        "INSERT INTO memberships (tenant_id, person_id, role, created_at, updated_at)"
        " VALUES ($1, $2, 'viewer', now(), now())",
        *(GLOBEX, person.id),
    )
    there = renewed(person, tenant_id=str(GLOBEX))
    assert (there.claims["tenant_id"], there.claims["role"]) == (str(GLOBEX), "viewer")
    assert there.core("GET", "/org").json()["id"] == str(GLOBEX)
    created = there.core("POST", "/popups", json={"name": "No"})
    assert refusal(created) == (403, "missing_permission")
    assert person.core("GET", "/org").json()["id"] == str(ACME)

    still = renewed(there)
    assert still.claims["tenant_id"] == str(GLOBEX)
    assert sign_in(hasty, "standard@acme.example.com").claims["tenant_id"] == str(GLOBEX)
    back = sign_in(hasty, "standard@acme.example.com", tenant_id=str(ACME))
    assert back.core("GET", "/org").json()["id"] == str(ACME)
