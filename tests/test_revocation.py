"""What ends acts: at the very next request, or within the seconds that delivery takes."""

from collections.abc import Iterator

import pytest

from tests.people import ACME, Caller, is_refused, refusal, sign_in
from tests.system import System, eventually

pytestmark = pytest.mark.database


@pytest.fixture
def member(frail: System) -> Caller:
    return sign_in(frail, "standard@acme.example.com")


@pytest.fixture
def suspended(frail: System) -> Iterator[Caller]:
    """The platform's admin, who has suspended Acme."""
    admin = sign_in(frail, "platform@numbersence.com")
    path = f"/admin/orgs/{ACME}"
    answer = admin.core("POST", f"{path}/suspend", json={"reason": "Unpaid since spring"})
    assert answer.status_code == 200, answer.text
    yield admin
    if answer.json()["status"] != status_of(admin):
        return
    assert admin.core("POST", f"{path}/reactivate", json={}).status_code == 200


def status_of(admin: Caller) -> str:
    acme = next(each for each in admin.results("/admin/orgs") if each["id"] == str(ACME))
    return str(acme["status"])


def is_waiting(caller: Caller) -> bool:
    """Whether the core has not confirmed that the caller's sign-in session has ended."""
    statement = "SELECT FROM jobs WHERE arguments ->> 'subject_id' = $1"
    return bool(caller.system.sql("identity", statement, caller.claims["sid"]))


def assert_told(caller: Caller) -> None:
    eventually("the core hears of it", lambda: is_refused(caller, "token_revoked"))


def test_signing_out_reaches_the_core(frail: System, member: Caller) -> None:
    elsewhere = sign_in(frail, "standard@acme.example.com")
    assert member.popups()
    member.sign_out()
    assert refusal(member.identity("GET", "/me")) == (401, "token_revoked")
    assert_told(member)
    assert elsewhere.popups()
    eventually("nothing waits", lambda: not is_waiting(member))


def test_a_core_that_was_down_hears_of_it_later(frail: System, member: Caller) -> None:
    frail.core.stop()
    member.sign_out()
    assert is_waiting(member)
    frail.core.up()
    assert_told(member)
    eventually("nothing waits", lambda: not is_waiting(member))


def test_a_kill_right_after_signing_out_loses_nothing(frail: System, member: Caller) -> None:
    assert member.popups()
    member.sign_out()
    frail.identity.kill()
    frail.identity.up()
    assert_told(member)


def test_neither_a_kill_nor_a_core_that_is_down_loses_anything(
    frail: System, member: Caller
) -> None:
    frail.core.stop()
    member.sign_out()
    assert is_waiting(member)
    frail.identity.kill()
    frail.identity_worker.kill()
    frail.core.up()
    assert member.popups(), "nobody has told the core yet"
    frail.identity_worker.up()
    assert_told(member)
    frail.identity.up()


def test_a_killed_core_forgets_no_revocation(frail: System, member: Caller) -> None:
    member.sign_out()
    assert_told(member)
    frail.core.kill()
    frail.core.up()
    assert refusal(member.core("GET", "/popups")) == (401, "token_revoked")


def test_an_agent_who_signs_out_ends_his_support_sessions(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    agent = sign_in(frail, "support@numbersence.com")
    support = agent.impersonate()
    session_id = support.claims["support"]["id"]
    other = sign_in(frail, "support@numbersence.com").impersonate()
    agent.sign_out()
    assert_told(support)
    sessions = {each["id"]: each for each in owner.results("/org/support-sessions")}
    assert sessions[session_id]["ended_at"]
    assert not sessions[other.claims["support"]["id"]]["ended_at"]
    assert other.popups()
    ends = [
        event["reason"]
        for event in owner.results("/org/audit-log")
        if event["action"] == "support_sessions.end" and event["support_session_id"] == session_id
    ]
    assert ends == [sessions[session_id]["reason"]]
    # The agent's own token is dead for the platform's operations, too.
    assert refusal(agent.core("GET", "/support/sessions")) == (401, "token_revoked")


def test_an_agent_who_has_signed_out_starts_no_session(frail: System) -> None:
    """With the core not told yet: identity is asked, and it knows."""
    agent = sign_in(frail, "support@numbersence.com")
    agent.sign_out()
    assert refusal(agent.start_support()) == (401, "token_revoked")


def test_suspending_acts_on_the_next_request(
    frail: System, member: Caller, suspended: Caller
) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    for path in ("/popups", "/org"):
        assert refusal(member.core("GET", path)) == (403, "tenant_blocked"), path
    assert refusal(owner.core("GET", "/popups")) == (403, "tenant_blocked")
    assert owner.core("GET", "/org").json()["access_mode"] == "blocked"
    assert sign_in(frail, "owner@globex.example.com").popups()
    event = owner.results("/org/audit-log")[0]
    assert (event["action"], event["reason"]) == ("organizations.suspend", "Unpaid since spring")
    assert event["actor_id"] == suspended.id

    support = sign_in(frail, "support@numbersence.com").impersonate()
    assert support.popups(), "a support session reads in any access mode"


def test_reactivating_acts_on_the_next_request(member: Caller, suspended: Caller) -> None:
    assert refusal(member.core("GET", "/popups")) == (403, "tenant_blocked")
    path = f"/admin/orgs/{ACME}"
    again = suspended.core("POST", f"{path}/suspend", json={"reason": "Once more"})
    assert refusal(again) == (409, "organization_not_active")
    assert suspended.core("POST", f"{path}/reactivate", json={}).status_code == 200
    assert member.popups()
    again = suspended.core("POST", f"{path}/reactivate", json={})
    assert refusal(again) == (409, "organization_not_suspended")
