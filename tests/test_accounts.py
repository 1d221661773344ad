"""What happens to an account at identity reaches the core: nobody stays inside who should not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared_lib.testing.mail import links_in, mails_in
from tests.people import ACME, REASON, Caller, is_refused, refusal, sign_in, token_request
from tests.system import System, eventually

pytestmark = pytest.mark.database

PASSWORD = "correct horse, battery staple"
NEW = "another horse, another staple"


def post(system: System, path: str, body: dict[str, Any]) -> httpx.Response:
    """Ask identity as a stranger."""
    return system.client.post(f"{system.identity.url}{path}", json=body)


def mailed_token(system: System, address: str, page: str) -> str:
    """The token of the newest link to `page` that was mailed to an address."""
    directory = Path(system.environ["DATA_DIR"]) / "mail"

    def found() -> str | None:
        links = [link for mail in mails_in(directory, address) for link in links_in(mail)]
        tokens = [link.partition(f"/{page}#token=")[2] for link in links if f"/{page}#" in link]
        return tokens[-1] if tokens else None

    token = eventually("the link is mailed", found)
    system.secrets.add(token)
    return token


def signed_up(system: System) -> str:
    """The address of somebody who has just made an account."""
    address = f"ada-{uuid4().hex}@example.com"
    assert post(system, "/sign-up", {"email": address, "name": "Ada"}).status_code == 202
    token = mailed_token(system, address, "sign-up")
    system.secrets |= {PASSWORD, NEW}
    answer = post(system, "/sign-up/complete", {"token": token, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return address


def enter(system: System, address: str, password: str = PASSWORD) -> Caller:
    response = token_request(system, username=address, password=password)
    assert response.status_code == 200, response.text
    return Caller(system, response.json()["access_token"], response.json()["refresh_token"])


def founder(system: System) -> str:
    """The address of somebody who has made an account and an organization of his own."""
    address = signed_up(system)
    person = enter(system, address)
    founded = person.core("POST", "/orgs", json={"name": "Ada's", "slug": f"ada-{uuid4().hex}"})
    assert founded.status_code == 201, founded.text
    eventually("he is the owner there", lambda: "tenant_id" in enter(system, address).claims)
    return address


def assert_told(*callers: Caller) -> None:
    for caller in callers:
        eventually("the core hears of it", lambda who=caller: is_refused(who, "token_revoked"))  # type: ignore[misc]


def test_from_an_address_to_an_organization(frail: System) -> None:
    """Nothing is needed but what was mailed."""
    owner = enter(frail, founder(frail))
    assert owner.claims["role"] == "owner"
    assert owner.core("POST", "/popups", json={"name": "First"}).status_code == 201
    assert owner.popups() == {"First"}


def test_signing_out_everywhere_reaches_the_core(frail: System) -> None:
    here, elsewhere = [sign_in(frail, "standard@acme.example.com") for _ in range(2)]
    other = sign_in(frail, "viewer@acme.example.com")
    assert here.popups() == elsewhere.popups()
    assert here.identity("POST", "/logout/all").status_code == 204
    assert_told(here, elsewhere)
    assert other.popups()
    assert sign_in(frail, "standard@acme.example.com").popups()


def test_ending_another_session_reaches_the_core(frail: System) -> None:
    here, lost = [sign_in(frail, "standard@acme.example.com") for _ in range(2)]
    listed = here.identity("GET", "/sessions").json()["results"]
    assert lost.claims["sid"] in {each["id"] for each in listed}
    assert here.identity("DELETE", f"/sessions/{lost.claims['sid']}").status_code == 204
    assert_told(lost)
    assert here.popups()


def test_a_changed_password_shuts_the_others_out(frail: System) -> None:
    address = founder(frail)
    here, elsewhere = [enter(frail, address) for _ in range(2)]
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert here.identity("PUT", "/me/password", json=body).status_code == 204
    assert_told(elsewhere)
    assert here.core("GET", "/popups").status_code == 200
    assert enter(frail, address, NEW).core("GET", "/popups").status_code == 200


def test_a_reset_password_shuts_everybody_out(frail: System) -> None:
    address = founder(frail)
    thief = enter(frail, address)
    assert post(frail, "/password-reset", {"email": address.upper()}).status_code == 202
    token = mailed_token(frail, address, "password-reset")
    body = {"token": token, "password": NEW}
    assert post(frail, "/password-reset/complete", body).status_code == 204
    assert_told(thief)
    # Also with the core told already: the new token is of a later second.
    assert enter(frail, address, NEW).core("GET", "/popups").status_code == 200
    assert refusal(post(frail, "/password-reset/complete", body))[1] == (
        "password_reset_link_invalid"
    )


@pytest.fixture
def admin(frail: System) -> Caller:
    return sign_in(frail, "platform@numbersence.com")


@pytest.fixture
def deactivated(frail: System, admin: Caller) -> Iterator[list[str]]:
    """Who is to be let in again when the test is over."""
    people: list[str] = []
    yield people
    frail.repair()
    for person_id in people:
        answer = admin.identity("POST", f"/admin/people/{person_id}/reactivate", json={})
        assert answer.status_code == 200, answer.text


def deactivate(admin: Caller, person: Caller, deactivated: list[str]) -> None:
    path = f"/admin/people/{person.id}/deactivate"
    answer = admin.identity("POST", path, json={"reason": REASON})
    assert answer.status_code == 200, answer.text
    deactivated.append(person.id)


def ended(owner: Caller, session_id: str) -> bool:
    sessions = {each["id"]: each for each in owner.results("/org/support-sessions")}
    return sessions[session_id]["ended_at"] is not None


def active_in(system: System, person: Caller) -> bool:
    """What the core knows of a member."""
    statement = "SELECT active FROM members WHERE tenant_id = $1 AND person_id = $2"
    (row,) = system.sql("product", statement, ACME, person.id)
    return bool(row["active"])


def test_whoever_is_deactivated_is_out_of_the_core_too(  # T10
    frail: System, admin: Caller, deactivated: list[str]
) -> None:
    callers = [sign_in(frail, "standard@acme.example.com") for _ in range(2)]
    owner = sign_in(frail, "owner@acme.example.com")
    agent = sign_in(frail, "support@numbersence.com")
    borrowed = agent.impersonate(member_id=callers[0].id)
    own = agent.impersonate()
    assert borrowed.popups() == callers[0].popups()
    deactivate(admin, callers[0], deactivated)
    assert refusal(callers[0].identity("GET", "/me")) == (401, "token_revoked")
    assert_told(*callers, borrowed)
    assert ended(owner, borrowed.claims["support"]["id"])
    assert not ended(owner, own.claims["support"]["id"])
    assert own.popups()
    eventually("the core knows that he is inactive", lambda: not active_in(frail, callers[0]))
    (event,) = (
        each
        for each in admin.results("/support/audit-log")
        if each["action"] == "people.deactivate" and each["resource_id"] == callers[0].id
    )
    assert (event["reason"], event["actor_id"]) == (REASON, admin.id)


def test_an_agent_who_is_deactivated_ends_what_he_began(
    frail: System, admin: Caller, deactivated: list[str]
) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    agent = sign_in(frail, "support@numbersence.com")
    support = agent.impersonate()
    assert support.popups()
    deactivate(admin, agent, deactivated)
    # Identity is asked for each new session, and refuses at once.
    assert refusal(agent.start_support())[0] in {401, 403}
    assert_told(support)
    assert ended(owner, support.claims["support"]["id"])


def test_nothing_of_it_is_lost_with_a_worker_and_a_core_that_are_down(
    frail: System, admin: Caller, deactivated: list[str]
) -> None:
    member = sign_in(frail, "viewer@acme.example.com")
    assert member.popups()
    frail.identity_worker.kill()
    deactivate(admin, member, deactivated)
    assert member.popups(), "nobody has told the core yet"
    frail.core.stop()
    frail.identity.kill()
    frail.identity.up()
    frail.identity_worker.up()
    frail.core.up()
    assert_told(member)
    eventually("the core knows that he is inactive", lambda: not active_in(frail, member))
