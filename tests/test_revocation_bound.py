"""The bound on revocation: every way to lose access acts in the core within it, and it is watched.

The bound is a promise for normal operation. A machine that is too busy for it has another try.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import MakeSystem
from tests.people import Caller, create_account, is_refused, join, refusal, sign_in
from tests.program import answer
from tests.system import System, eventually

pytestmark = pytest.mark.database

BOUND, TRIES = 5, 3
# As often as may be.
PROBED = {"IDENTITY_REVOCATION_PROBE_SECONDS": "1"}


@pytest.fixture(scope="module")
def probed_system(make_system: MakeSystem) -> System:
    return make_system(**PROBED)


@pytest.fixture
def probed(probed_system: System) -> Iterator[System]:
    yield probed_system
    probed_system.repair()


@dataclass(frozen=True)
class Access:
    """Somebody who is in, and what takes that away."""

    caller: Caller
    end: Callable[[], httpx.Response]


def guest(system: System) -> tuple[Caller, Caller]:
    owner = sign_in(system, "owner@acme.example.com")
    return owner, join(owner, f"guest-{uuid4().hex}@example.com")


def session(system: System) -> Access:
    _, caller = guest(system)
    return Access(caller, lambda: caller.identity("POST", "/logout"))


def everywhere(system: System) -> Access:
    _, caller = guest(system)
    elsewhere = sign_in(system, system_address(caller))
    return Access(caller, lambda: elsewhere.identity("POST", "/logout/all"))


def membership_removed(system: System) -> Access:
    owner, caller = guest(system)
    return Access(caller, lambda: owner.identity("DELETE", f"/members/{caller.id}"))


def membership_changed(system: System) -> Access:
    owner, caller = guest(system)
    path = f"/members/{caller.id}"
    return Access(caller, lambda: owner.identity("PATCH", path, json={"role": "viewer"}))


def person(system: System) -> Access:
    _, caller = guest(system)
    admin = sign_in(system, "platform@numbersence.com")
    path = f"/admin/people/{caller.id}/deactivate"
    return Access(caller, lambda: admin.identity("POST", path, json={"reason": "Left the firm"}))


def service_account(system: System) -> Access:
    owner = sign_in(system, "owner@acme.example.com")
    account = create_account(owner)
    path = f"/service-accounts/{account.id}"
    return Access(account.sign_in(), lambda: owner.identity("DELETE", path))


def signing_key(system: System) -> Access:
    caller = sign_in(system, "standard@acme.example.com")
    admin = sign_in(system, "platform@numbersence.com")
    keys = admin.identity("GET", "/admin/keys").json()["results"]
    kid = next(key["kid"] for key in keys if key["state"] == "current")
    path = f"/admin/keys/{kid}/revoke"
    return Access(caller, lambda: admin.identity("POST", path, json={"reason": "Stolen"}))


def system_address(caller: Caller) -> str:
    return str(caller.identity("GET", "/me").json()["email"])


def seconds_until_out(lost: Access) -> float:
    """How long the core goes on answering somebody whose access has ended."""
    assert lost.caller.popups()
    ended = lost.end()
    begun = time.monotonic()
    assert ended.is_success, ended.text

    def is_out() -> bool:
        response = lost.caller.core("GET", "/popups")
        assert response.status_code in (200, 401), response.text
        return response.is_error

    eventually("the core refuses it", is_out)
    return time.monotonic() - begun


@pytest.mark.parametrize(
    "access",
    [
        session,
        everywhere,
        membership_removed,
        membership_changed,
        person,
        service_account,
        signing_key,
    ],
    ids=lambda access: access.__name__,
)
def test_whoever_lost_access_is_out_of_the_core(  # T10
    probed: System, access: Callable[[System], Access]
) -> None:
    bystander = sign_in(probed, "owner@globex.example.com")
    lost = access(probed)
    took = [seconds_until_out(lost)]
    while took[-1] > BOUND and len(took) < TRIES:
        lost = access(probed)
        took.append(seconds_until_out(lost))
    assert took[-1] <= BOUND
    if access is not signing_key:
        assert refusal(lost.caller.core("GET", "/popups")) == (401, "token_revoked")
        assert bystander.popups()


def bound(system: System) -> dict[str, Any]:
    response = httpx.get(f"{system.identity.url}/health/ready", timeout=10)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()["details"]["revocation"]
    return told


def held(system: System) -> dict[str, Any] | None:
    """What is told of the bound, when it holds."""
    told = bound(system)
    return told if told["status"] == "ok" else None


def test_it_is_measured_all_the_time(probed: System) -> None:
    told = eventually("it is measured", lambda: held(probed))
    assert told["bound_seconds"] == BOUND
    assert 0 < told["measured_seconds"] <= BOUND
    assert told["exceeded_by_seconds"] == 0
    port = probed.configuration.identity.metrics_port
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'phasezero_revocation_probes_total{outcome="refused"}' in metrics
    assert "phasezero_revocation_seconds_bucket" in metrics
    # A session of nobody leaves no trace but its end.
    assert answer(probed, "jobs", "list", "--service", "identity", "--held")["jobs"] == []


def test_health_says_by_how_much_it_is_exceeded_and_recovers_without_a_hand(
    probed: System,
) -> None:
    """Whether or not anybody signs out meanwhile."""
    member = sign_in(probed, "standard@acme.example.com")
    eventually("it is measured", lambda: held(probed))
    probed.core.stop()
    eventually("it is exceeded", lambda: bound(probed)["exceeded_by_seconds"] > 0)
    assert bound(probed)["status"] == "degraded"
    member.sign_out()
    before = bound(probed)["exceeded_by_seconds"]
    eventually("by more and more", lambda: bound(probed)["exceeded_by_seconds"] > before + 1)
    probed.core.up()
    eventually("what waited is told", lambda: is_refused(member, "token_revoked"))
    eventually("it holds again", lambda: held(probed))


def test_without_a_worker_nobody_claims_that_it_holds(probed: System) -> None:
    eventually("it is measured", lambda: held(probed))
    probed.identity_worker.kill()
    eventually("the measurement is old", lambda: not held(probed))
    probed.identity_worker.up()
    eventually("it is measured again", lambda: held(probed))
