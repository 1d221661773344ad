"""Members between the services: who joins is known to both, who is removed is out of both."""

from functools import partial
from uuid import uuid4

import pytest

from tests.people import ACME, Caller, invite, is_refused, join, refusal, sign_in, token_request
from tests.system import System, eventually

pytestmark = pytest.mark.database


def address() -> str:
    return f"guest-{uuid4().hex}@example.com"


def known_to_core(member: Caller) -> dict[str, object]:
    rows = member.system.sql(
        "product",
        "SELECT email, role, active FROM members WHERE tenant_id = $1 AND person_id = $2",
        ACME,
        member.id,
    )
    return dict(rows[0]) if rows else {}


def refreshed(member: Caller, **form: str) -> Caller:
    response = token_request(
        member.system,
        grant_type="refresh_token",
        refresh_token=str(member.refresh_token),
        **form,
    )
    assert response.status_code == 200, response.text
    answer = response.json()
    return Caller(member.system, answer["access_token"], answer["refresh_token"])


def test_somebody_invited_works_in_the_core(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    email = address()
    guest = join(owner, email)
    created = guest.core("POST", "/popups", json={"name": "Made by a guest"})
    assert created.status_code == 201, created.text
    eventually("the core is told", lambda: known_to_core(guest))
    assert known_to_core(guest) == {"email": email, "role": "standard", "active": True}
    listed = owner.identity("GET", "/members").json()["results"]
    assert {(each["id"], each["email"]) for each in listed} >= {(guest.id, email)}


def test_the_trail_tells_of_joining_and_leaving(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    guest = join(owner, address())
    assert owner.identity("DELETE", f"/members/{guest.id}").status_code == 204

    def told() -> dict[str, str]:
        return {
            event["action"]: event["actor_id"]
            for event in owner.results("/org/audit-log")
            if event["resource_id"] == guest.id
        }

    expected = {"members.create": guest.id, "members.remove": owner.id}
    eventually("the trail tells of it", lambda: told() == expected)


def test_a_new_role_counts_in_the_core(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    guest = join(owner, address(), "viewer")
    assert refusal(guest.core("POST", "/popups", json={"name": "No"})) == (
        403,
        "missing_permission",
    )
    for role in ("standard", "viewer", "admin"):
        response = owner.identity("PATCH", f"/members/{guest.id}", json={"role": role})
        assert response.status_code == 200, response.text
        renewed = refreshed(guest)
        assert renewed.claims["role"] == role
        eventually("the old token is dead", partial(is_refused, guest, "token_revoked"))
        # At once, and also when the core has heard of the change.
        assert renewed.popups()
        guest = renewed
    eventually("the core is told", lambda: known_to_core(guest).get("role") == "admin")


def test_who_is_removed_is_out_of_both_and_may_come_back(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    email = address()
    guest = join(owner, email)
    assert guest.popups()
    path = f"/members/{guest.id}"
    assert owner.identity("DELETE", path).status_code == 204
    assert refusal(guest.identity("GET", "/members")) == (401, "token_revoked")
    eventually("the core refuses him", lambda: is_refused(guest, "token_revoked"))
    eventually("the core is told", lambda: known_to_core(guest).get("active") is False)
    assert refusal(owner.identity("DELETE", path)) == (404, "member_not_found")

    _, token = invite(owner, email, "viewer")
    alone = sign_in(frail, email)
    assert "tenant_id" not in alone.claims
    joined = alone.identity("POST", "/me/invitations/accept", json={"token": token})
    assert joined.status_code == 201, joined.text
    back = refreshed(alone, tenant_id=str(ACME))
    assert back.claims["role"] == "viewer"
    assert back.popups()
    assert is_refused(guest, "token_revoked"), "what he had before stays dead"
    eventually("the core is told", lambda: known_to_core(back).get("active") is True)


def test_a_core_that_was_down_hears_of_a_removal(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    guest = join(owner, address())
    assert guest.popups()
    eventually("the core is told", lambda: known_to_core(guest))
    frail.core.kill()
    assert owner.identity("DELETE", f"/members/{guest.id}").status_code == 204
    frail.identity.kill()
    frail.identity_worker.kill()
    frail.identity.up()
    frail.identity_worker.up()
    frail.core.up()
    eventually("the core refuses him", lambda: is_refused(guest, "token_revoked"))
    eventually("the core is told", lambda: known_to_core(guest).get("active") is False)


def test_the_link_of_an_invitation_is_in_no_log(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    email = address()
    _, token = invite(owner, email)
    url = f"{frail.identity.url}/invitations/lookup"
    assert frail.client.post(url, json={"token": token}).json()["email"] == email
    for process in frail.processes:
        assert process.log.leaks({token, email}) == [], process.log.path
