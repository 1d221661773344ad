"""When a support session may begin, and what the organization's consent makes of it."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.people import ACME, GLOBEX, Caller, refusal, sign_in
from tests.system import System

pytestmark = pytest.mark.database


@pytest.fixture
def consenting(owner: Caller) -> Iterator[Caller]:
    """The owner, whose consent is as before when the test has ended."""
    yield owner
    consent(owner, "read_only")


def consent(owner: Caller, support_access: str) -> None:
    body = {"support_access": support_access}
    response = owner.core("PUT", "/org/support-access", json=body)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("role", ["owner", "admin", "standard", "viewer", "client"])
def test_acting_as_a_member_gives_the_members_role(
    system: System, agent: Caller, role: str
) -> None:
    member = sign_in(system, f"{role}@acme.example.com")
    support = agent.impersonate(member_id=member.id)
    assert (support.claims["sub"], support.claims["role"]) == (member.id, role)
    me, own = support.core("GET", "/me").json(), member.core("GET", "/me").json()
    assert me["permissions"] == own["permissions"]
    assert me["support"]["agent_id"] == agent.id
    for path in ("/popups", "/org", "/org/support-sessions", "/org/audit-log"):
        theirs, mine = member.core("GET", path), support.core("GET", path)
        assert mine.status_code == theirs.status_code, path
    created = support.core("POST", "/popups", json={"name": "No"})
    may_write = role in {"owner", "admin", "standard"}
    assert refusal(created) == (403, "read_only" if may_write else "missing_permission")


def test_only_a_member_of_the_organization_can_be_chosen(system: System, agent: Caller) -> None:
    globexs = sign_in(system, "owner@globex.example.com").id
    staff = sign_in(system, "platform@numbersence.com").id
    for member_id in (str(uuid4()), globexs, staff):
        refused = agent.start_support(ACME, member_id=member_id)
        assert refusal(refused) == (422, "member_not_found")
    assert agent.start_support(GLOBEX, member_id=globexs).status_code == 201


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("reason", {"reason": None}),
        ("reason", {"reason": ""}),
        ("reason", {"reason": "too short"}),
        ("reason", {"reason": "   short   "}),
        ("reason", {"reason": " " * 40}),
        ("minutes", {"minutes": 0}),
        ("minutes", {"minutes": 61}),
        ("minutes", {"minutes": "30"}),
        ("mode", {"mode": "write"}),
        ("member_id", {"member_id": "owner@acme.example.com"}),
        ("lifetime", {"lifetime": 600}),
    ],
)
def test_a_wish_that_breaks_a_rule_is_refused(
    agent: Caller, field: str, wish: dict[str, Any]
) -> None:
    refused = agent.start_support(**wish)
    assert refusal(refused) == (422, "validation_failed")
    assert [error["field"] for error in refused.json()["errors"]] == [f"body.{field}"]


def test_without_a_reason_there_is_no_session(agent: Caller) -> None:
    refused = agent.core("POST", f"/support/impersonate/{ACME}", json={})
    assert refusal(refused) == (422, "validation_failed")


@pytest.mark.parametrize("minutes", [1, 60])
def test_the_shortest_and_the_longest_session(agent: Caller, minutes: int) -> None:
    assert agent.start_support(minutes=minutes).json()["expires_in"] == minutes * 60


def test_an_unknown_organization_is_not_found(agent: Caller) -> None:
    assert refusal(agent.start_support(uuid4())) == (404, "organization_not_found")


@pytest.mark.parametrize("address", ["owner@acme.example.com", "admin@globex.example.com"])
def test_customers_impersonate_nobody(system: System, address: str) -> None:
    refused = sign_in(system, address).start_support(ACME)
    assert refusal(refused) == (403, "missing_permission")


def test_writing_needs_the_owners_consent(consenting: Caller, agent: Caller) -> None:
    refused = agent.start_support(mode="read_write")
    assert refusal(refused) == (403, "support_mode_not_allowed")

    consent(consenting, "read_write")
    support = agent.impersonate(mode="read_write")
    name = f"Made by support {uuid4().hex}"
    created = support.core("POST", "/popups", json={"name": name})
    assert created.status_code == 201
    assert name in consenting.popups()
    event = next(
        event
        for event in consenting.results("/org/audit-log")
        if event["action"] == "popups.create" and event["support_session_id"]
    )
    assert (event["actor_id"], event["outcome"]) == (agent.id, "succeeded")

    consent(consenting, "read_only")
    assert refusal(support.core("GET", "/popups")) == (401, "token_revoked")
    path = f"/popups/{created.json()['id']}"
    assert consenting.core("DELETE", path).status_code == 204


def test_off_keeps_support_out(consenting: Caller, agent: Caller, admin: Caller) -> None:
    support = agent.impersonate()
    consent(consenting, "off")
    assert refusal(support.core("GET", "/popups")) == (401, "token_revoked")
    for staff in (agent, admin):
        assert refusal(staff.start_support()) == (403, "support_access_off")
    refused = [
        event["actor_id"]
        for event in consenting.results("/org/audit-log")
        if event["code"] == "support_access_off"
    ]
    assert refused == [admin.id, agent.id]


def test_only_the_owner_consents(system: System) -> None:
    body = {"support_access": "read_write"}
    for address in ("admin@acme.example.com", "support@numbersence.com"):
        refused = sign_in(system, address).core("PUT", "/org/support-access", json=body)
        assert refusal(refused)[0] == 403
