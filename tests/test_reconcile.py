"""`phasezero reconcile`: after a restore, each service knows again what the other one does."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.people import ACME, Caller, create_account, is_refused, join, sign_in
from tests.program import answer, phasezero
from tests.system import System, eventually

pytestmark = pytest.mark.database


def facts(system: System) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = answer(system, "reconcile")
    return counts


def forget(system: System, caller: Caller) -> None:
    """Restore the core to a moment at which it had not heard that `caller` lost access."""
    system.sql("product", "DELETE FROM revocations")
    assert not is_refused(caller, "token_revoked")


def test_each_service_knows_again_what_the_other_does(frail: System) -> None:
    owner = sign_in(frail, "owner@acme.example.com")
    guest = join(owner, f"guest-{uuid4().hex}@example.com")
    known = "SELECT count(*) FROM members WHERE person_id = $1"
    eventually("the core knows the guest", lambda: frail.sql("product", known, guest.id)[0][0])
    frail.sql("product", "DELETE FROM members")
    frail.sql("identity", "UPDATE tenants SET name = 'Before', version = 0")

    counts = facts(frail)
    everybody = frail.sql("identity", "SELECT count(*) FROM memberships")[0][0]
    assert counts["identity"]["member"] == everybody
    assert counts["core"] == {
        "organization": frail.sql("product", "SELECT count(*) FROM organizations")[0][0]
    }

    def members() -> bool:
        return bool(frail.sql("product", "SELECT count(*) FROM members")[0][0] == everybody)

    def organizations() -> bool:
        return not frail.sql("identity", "SELECT FROM tenants WHERE name = 'Before'")

    eventually("the core knows every member", members)
    eventually("identity knows every organization", organizations)
    assert owner.popups()


def session(owner: Caller) -> Caller:
    member = sign_in(owner.system, "standard@acme.example.com")
    member.sign_out()
    return member


def membership(owner: Caller) -> Caller:
    guest = join(owner, f"guest-{uuid4().hex}@example.com")
    assert owner.identity("DELETE", f"/members/{guest.id}").status_code == 204
    return guest


def person(owner: Caller) -> Caller:
    guest = join(owner, f"guest-{uuid4().hex}@example.com")
    admin = sign_in(owner.system, "platform@numbersence.com")
    path = f"/admin/people/{guest.id}/deactivate"
    assert admin.identity("POST", path, json={"reason": "Left the firm"}).is_success
    return guest


def service_account(owner: Caller) -> Caller:
    account = create_account(owner)
    machine = account.sign_in()
    assert owner.identity("DELETE", f"/service-accounts/{account.id}").status_code == 204
    return machine


@pytest.mark.parametrize(
    "lose", [session, membership, person, service_account], ids=lambda lose: lose.__name__
)
def test_who_lost_access_before_the_restore_is_out_again(
    frail: System, lose: Callable[[Caller], Caller]
) -> None:
    out = lose(sign_in(frail, "owner@acme.example.com"))
    eventually("the core hears of it", lambda: is_refused(out, "token_revoked"))
    # Who loses more than one thing is told of more than once.
    waiting = "SELECT FROM jobs WHERE kind = 'send_revocation'"
    eventually("the core hears of all of it", lambda: not frail.sql("identity", waiting))
    forget(frail, out)
    counts = facts(frail)
    assert counts["identity"][lose.__name__] >= 1
    eventually("the core hears of it again", lambda: is_refused(out, "token_revoked"))


def test_a_revoked_key_is_refused_again(frail: System) -> None:
    admin = sign_in(frail, "platform@numbersence.com")
    keys = admin.identity("GET", "/admin/keys").json()["results"]
    kid = next(key["kid"] for key in keys if key["state"] == "current")
    assert admin.identity("POST", f"/admin/keys/{kid}/revoke", json={"reason": "x"}).is_success
    stands = "SELECT FROM revocations WHERE kind = 'signing_key'"
    eventually("the core hears of it", lambda: frail.sql("product", stands))
    frail.sql("product", "DELETE FROM revocations")
    assert facts(frail)["identity"]["signing_key"] >= 1
    eventually("the core hears of it again", lambda: frail.sql("product", stands))


def test_an_event_whose_job_was_lost_is_told(frail: System) -> None:
    frail.identity_worker.stop()
    owner = sign_in(frail, "owner@acme.example.com")
    account = create_account(owner)
    waiting = "SELECT id::text FROM security_events WHERE resource_id = $1"
    (event,) = frail.sql("identity", waiting, account.id)
    frail.sql("identity", "DELETE FROM jobs WHERE kind = 'send_security_event'")
    assert facts(frail)["identity"]["security_event"] >= 1
    frail.identity_worker.up()

    def told() -> bool:
        return any(each["id"] == event["id"] for each in owner.results("/org/audit-log"))

    eventually("the trail tells of it", told)
    eventually(
        "identity keeps it no longer", lambda: not frail.sql("identity", waiting, account.id)
    )


def jobs(system: System) -> list[Any]:
    kinds = "SELECT tenant_id, id FROM jobs WHERE kind IN ('tell_tenant', 'tell_member')"
    return [
        sorted(tuple(row) for row in system.sql(database, kinds))
        for database in ("product", "identity")
    ]


def test_twice_is_as_good_as_once(frail: System) -> None:
    frail.core_worker.stop()
    frail.identity_worker.stop()
    first = facts(frail)
    waiting = jobs(frail)
    assert [len(each) for each in waiting] >= [first["core"]["organization"], 1]
    assert facts(frail) == first
    assert jobs(frail) == waiting
    frail.identity_worker.up()
    frail.core_worker.up()
    eventually("all is told", lambda: jobs(frail) == [[], []])
    version = "SELECT version FROM tenants WHERE id = $1"
    before = frail.sql("identity", version, ACME)
    facts(frail)
    eventually("all is told again", lambda: jobs(frail) == [[], []])
    assert frail.sql("identity", version, ACME) == before


def test_people_read_what_was_sent(frail: System) -> None:
    done = phasezero(frail, "reconcile")
    assert done.returncode == 0, done.stderr
    organizations = frail.sql("product", "SELECT count(*) FROM organizations")[0][0]
    assert f"core: {organizations} organization\n" in done.stdout
    assert "identity: " in done.stdout


@pytest.mark.parametrize("ahead", [0, 50])
def test_what_was_heard_from_a_future_that_the_restore_undid_counts_no_longer(
    frail: System, ahead: int
) -> None:
    """The core is back before a suspension, identity before somebody was removed."""
    owner = sign_in(frail, "owner@acme.example.com")
    guest = join(owner, f"guest-{uuid4().hex}@example.com")
    known = "SELECT active FROM members WHERE person_id = $1"
    eventually("the core knows the guest", lambda: frail.sql("product", known, guest.id))
    frail.sql("identity", "UPDATE tenants SET status = 'suspended', version = version + $1", ahead)
    frail.sql("product", "UPDATE members SET active = false, version = version + $1", ahead)

    assert min(facts(frail)["overtaken"].values()) >= 1
    suspended = "SELECT FROM tenants WHERE status = 'suspended'"
    eventually("no organization is", lambda: not frail.sql("identity", suspended))
    removed = "SELECT FROM members WHERE NOT active AND person_id = $1"
    eventually("the guest is none", lambda: not frail.sql("product", removed, guest.id))
    assert facts(frail)["overtaken"] == {"organization": 0, "member": 0}

    # And what is changed from now on is heard.
    assert owner.identity("DELETE", f"/members/{guest.id}").is_success
    eventually("the core hears of it", lambda: frail.sql("product", removed, guest.id))
    renamed = owner.core("PATCH", "/org", json={"name": f"Acme {ahead}"})
    assert renamed.is_success, renamed.text
    heard = "SELECT FROM tenants WHERE name = $1"
    eventually("identity hears of it", lambda: frail.sql("identity", heard, f"Acme {ahead}"))
