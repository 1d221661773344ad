"""The story of a support session: what the agent may do, what the customer sees and ends."""

from typing import Any

import pytest

from tests.people import ACME, GLOBEX, REASON, Caller, refusal, sign_in
from tests.system import System

pytestmark = pytest.mark.database

WHAT_HAPPENED = [
    ("support_sessions.start", "succeeded", None),
    ("popups.list", "succeeded", None),
    ("popups.get", "succeeded", None),
    ("popups.update", "refused", "read_only"),
    ("support_sessions.end", "succeeded", None),
    ("popups.list", "refused", "token_revoked"),
]


def events_of(caller: Caller, path: str, **params: str) -> list[dict[str, Any]]:
    """Audit events as `caller` sees them, oldest first."""
    return caller.results(path, limit="100", **params)[::-1]


def told(events: list[dict[str, Any]], session_id: str) -> list[tuple[str, str, str | None]]:
    """What the events of one support session say: action, outcome, code."""
    return [
        (event["action"], event["outcome"], event["code"])
        for event in events
        if event["support_session_id"] == session_id
    ]


def test_a_support_session_from_start_to_end(system: System, owner: Caller, agent: Caller) -> None:
    popup = owner.core("GET", "/popups").json()["results"][0]
    support = agent.impersonate()
    session_id = support.claims["support"]["id"]

    assert support.popups() == owner.popups()
    assert support.core("GET", f"/popups/{popup['id']}").json() == popup
    write = support.core("PATCH", f"/popups/{popup['id']}", json={"name": "Changed"})
    assert refusal(write) == (403, "read_only")
    assert owner.core("GET", f"/popups/{popup['id']}").json() == popup

    live = [each for each in owner.results("/org/support-sessions") if not each["ended_at"]]
    shown = next(each for each in live if each["id"] == session_id)
    assert (shown["agent_id"], shown["reason"], shown["mode"]) == (agent.id, REASON, "read_only")
    assert session_id in {each["id"] for each in agent.results("/support/sessions")}

    assert owner.core("DELETE", f"/org/support-sessions/{session_id}").status_code == 204
    assert refusal(support.core("GET", "/popups")) == (401, "token_revoked")
    assert session_id not in {each["id"] for each in agent.results("/support/sessions")}
    again = owner.core("DELETE", f"/org/support-sessions/{session_id}")
    assert refusal(again) == (404, "support_session_not_found")

    customers = events_of(owner, "/org/audit-log")
    assert told(customers, session_id) == WHAT_HAPPENED
    of_session = [event for event in customers if event["support_session_id"] == session_id]
    assert {event["reason"] for event in of_session} == {REASON}
    ended_by_owner = WHAT_HAPPENED.index(("support_sessions.end", "succeeded", None))
    actors = [event["actor_id"] for event in of_session]
    assert actors.pop(ended_by_owner) == owner.id
    assert set(actors) == {agent.id}

    # The agent sees his own doings; that the customer ended the session is not one of them.
    agents = events_of(agent, "/support/audit-log", tenant_id=str(ACME))
    assert told(agents, session_id) == [e for e in WHAT_HAPPENED if e[0] != "support_sessions.end"]


def test_the_agent_ends_his_own_session(owner: Caller, agent: Caller) -> None:
    support = agent.impersonate(ticket="T-1", minutes=5)
    session_id = support.claims["support"]["id"]
    assert support.core("GET", "/me").json()["support"]["session_id"] == session_id
    assert agent.core("DELETE", f"/support/impersonate/{session_id}").status_code == 204
    assert refusal(support.core("GET", "/popups")) == (401, "token_revoked")
    told_of = told(events_of(owner, "/org/audit-log"), session_id)
    assert [action for action, *_ in told_of] == [
        "support_sessions.start",
        "me.get",
        "support_sessions.end",
        "popups.list",
    ]


def test_an_admin_ends_an_agents_session_but_no_agent_anothers(
    agent: Caller, admin: Caller
) -> None:
    admins = admin.impersonate().claims["support"]["id"]
    support = agent.impersonate()
    path = "/support/impersonate"
    refused = agent.core("DELETE", f"{path}/{admins}")
    assert refusal(refused) == (404, "support_session_not_found")
    assert admin.core("DELETE", f"{path}/{support.claims['support']['id']}").status_code == 204
    assert refusal(support.core("GET", "/popups")) == (401, "token_revoked")
    assert admin.core("DELETE", f"{path}/{admins}").status_code == 204


def test_the_answer_says_what_has_begun(agent: Caller) -> None:
    answer = agent.start_support(minutes=7).json()
    claims = Caller(agent.system, answer["access_token"]).claims
    assert set(answer) == {
        *("session_id", "tenant_id", "mode", "expires_at"),
        *("access_token", "token_type", "expires_in"),
    }
    assert answer["session_id"] == claims["support"]["id"]
    assert answer["tenant_id"] == claims["tenant_id"] == str(ACME)
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == 7 * 60
    assert claims["aud"] == ["product-core-api"]
    assert claims["act"] == {"sub": agent.id, "role": "support_agent"}
    assert claims["sid"] == agent.claims["sid"]


@pytest.mark.parametrize("address", ["support@numbersence.com", "platform@numbersence.com"])
def test_a_support_token_opens_nothing_else(system: System, address: str) -> None:
    support = sign_in(system, address).impersonate()
    session_id = support.claims["support"]["id"]
    suspend, reason = f"/admin/orgs/{GLOBEX}/suspend", {"reason": REASON}
    for method, path, body in (
        ("GET", "/support/orgs", None),
        ("GET", "/support/sessions", None),
        ("GET", "/support/audit-log", None),
        ("GET", "/admin/orgs", None),
        ("POST", suspend, reason),
        ("POST", f"/support/impersonate/{GLOBEX}", reason),
        ("DELETE", f"/support/impersonate/{session_id}", None),
        ("DELETE", f"/org/support-sessions/{session_id}", None),
        ("PUT", "/org/support-access", {"support_access": "read_write"}),
        ("GET", "/org/audit-log", None),
        ("PATCH", "/org", {"name": "Ours"}),
    ):
        response = support.core(method, path, json=body)
        assert refusal(response) == (403, "missing_permission"), path
    for method, path in (("GET", "/me"), ("POST", "/logout")):
        assert refusal(support.identity(method, path)) == (401, "invalid_token")
    assert support.popups()


def test_a_support_token_shows_one_organization(agent: Caller) -> None:
    acme, globex = agent.impersonate(ACME), agent.impersonate(GLOBEX)
    theirs = globex.core("GET", "/popups").json()["results"][0]["id"]
    assert refusal(acme.core("GET", f"/popups/{theirs}")) == (404, "popup_not_found")
    assert acme.core("GET", "/org").json()["id"] == str(ACME)
    assert globex.core("GET", "/org").json()["id"] == str(GLOBEX)
