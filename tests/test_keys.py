"""Signing keys over both services: they turn under running requests, and only when it is safe."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from infra.dev.configuration import Configuration
from tests.cluster import Cluster, configured
from tests.conftest import MakeSystem
from tests.customers import Customers, key_id
from tests.logs import Log
from tests.people import API, Caller, sign_in, token_request
from tests.program import answer, phasezero
from tests.system import ServiceProcess, System, eventually, quiet_port

pytestmark = pytest.mark.database

# A key signs 14 s after it is published and retires 13 s after it has stopped; each is due at once.
# The margin is what a busy machine may sleep: a keyring that is older than half of it refuses to
# sign.
QUICK = {
    "IDENTITY_JWKS_MAX_AGE": "3",
    "IDENTITY_KEY_MARGIN": "8",
    "IDENTITY_LONGEST_TOKEN": "5",
    "IDENTITY_ACCESS_TOKEN_LIFETIME": "5",
    "IDENTITY_KEY_ROTATION_DAYS": "0.00001",
    "RATE_LIMIT_PRINCIPAL": "off",
    "RATE_LIMIT_ORGANIZATION": "off",
    "RATE_LIMIT_ADDRESS": "off",
}


@pytest.fixture(scope="module")
def quick(make_system: MakeSystem) -> System:
    return make_system(**QUICK)


def states(system: System) -> list[str]:
    return sorted(key["state"] for key in answer(system, "keys", "list")["keys"])


def rotate_twice_at_once(system: System) -> list[tuple[str, str]]:
    """The steps that were taken, as (step, kid).

    Both may find one: what is safe for the later of them may not have been for the earlier.
    """
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(answer, system, "keys", "rotate") for _ in range(2)]
    done = [result.result() for result in results]
    taken: list[tuple[str, str]] = []
    for each in done:
        if "refused" not in each:
            taken += [("retired", kid) for kid in each["retired"]]
            taken += [(s, each[s]) for s in ("demoted", "promoted", "published") if each[s]]
    return taken


def turns_told(system: System) -> list[list[str]]:
    """Of each promotion in the platform's trail, who signed before and who signs."""
    admin = sign_in(system, "platform@numbersence.com")
    events = [
        event
        for event in admin.results("/support/audit-log", limit="100")
        if event["action"] == "keys.rotate"
    ]
    pairs = [
        event["changes"]["current"] for event in sorted(events, key=lambda e: e["occurred_at"])
    ]
    return [pair for pair in pairs if pair[1]]


def test_keys_turn_by_themselves_under_running_requests(quick: System) -> None:
    """And by hand, too, at once: nobody is refused, and each turn is taken and told of once."""
    customers = Customers(quick)
    steps: list[tuple[str, str]] = []
    tried = 0

    def step() -> bool:
        nonlocal tried
        customers.check()
        if tried % 8 == 0:
            steps.extend(rotate_twice_at_once(quick))
        tried += 1
        time.sleep(0.5)
        return len(customers.kids) >= 4 and "retired" in states(quick)

    with customers.at_work():
        eventually("three keys have followed one another", step, patience=240)
    assert customers.requests > 100
    # A machine that stands still for seconds is met by each of the three, once.
    assert customers.unavailable <= 3
    assert sorted(set(steps)) == sorted(steps), "a step was taken twice"
    assert set(states(quick)) >= {"current", "next", "retired"}
    eventually("each turn is told of", lambda: len(turns_told(quick)) >= 3)
    for earlier, later in pairwise(turns_told(quick)):
        assert earlier[1] == later[0]


def test_an_unsafe_step_is_refused_with_its_reason(frail: System) -> None:
    """With the schedule of production, by which a key of some minutes may sign: this one is new."""
    before = answer(frail, "keys", "list")
    refused = phasezero(frail, "keys", "rotate", "--json")
    assert refused.returncode == 1
    refusal = json.loads(refused.stdout)
    assert "verifiers that still hold an older key set" in refusal["refused"]
    upcoming = next(key for key in before["keys"] if key["state"] == "next")
    assert refusal["safe_at"] == upcoming["next_step_from"]
    assert answer(frail, "keys", "list") == before


def test_the_drill_knows_the_schedule_that_is_set(system: System, quick: System) -> None:
    """Quick turns are safe for tokens as short as theirs, and for none that live an hour."""
    rehearsed = phasezero(system, "keys", "drill")
    assert (rehearsed.returncode, "REFUSES" in rehearsed.stdout) == (0, False)
    assert phasezero(quick, "keys", "drill", "--skew", "1", "--token-life", "5").returncode == 0
    assert phasezero(quick, "keys", "drill").returncode == 1
    unsafe = answer(system, "keys", "drill", "--unsafe", "no-wait")["rehearsals"]
    assert [each["refused"] for each in unsafe] == [False, True]


@dataclass(frozen=True)
class Elsewhere:
    """The same caller, before another process of the core."""

    caller: Caller
    url: str

    def popups(self) -> httpx.Response:
        return self.caller.call("GET", f"{self.url}{API}/popups")


@pytest.fixture
def other_core(frail: System, tmp_path: Path) -> Iterator[ServiceProcess]:
    """A second process of the core, on the same database."""
    service = replace(frail.configuration.core, port=quiet_port())
    configuration = replace(frail.configuration, core=service)
    process = ServiceProcess(configuration, service, Log(tmp_path / "core.log"))
    process.up()
    yield process
    process.stop()
    assert process.log.tracebacks() == []


def revoke_over_http(admin: Caller, kid: str) -> None:
    answer = admin.identity("POST", f"/admin/keys/{kid}/revoke", json={"reason": "Stolen"})
    assert answer.status_code == 200, answer.text


def revoke_by_program(admin: Caller, kid: str) -> None:
    done = phasezero(admin.system, "keys", "revoke", kid, "--reason", "Stolen")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("revoke", [revoke_over_http, revoke_by_program])
def test_a_revoked_key_opens_nothing_in_any_process(
    frail: System, other_core: ServiceProcess, revoke: Callable[[Caller, str], None]
) -> None:
    admin = sign_in(frail, "platform@numbersence.com")
    member = sign_in(frail, "standard@acme.example.com")
    elsewhere = Elsewhere(member, other_core.url)
    assert member.popups()
    assert elsewhere.popups().status_code == 200
    revoked = key_id(member)
    assert revoked == key_id(admin)
    revoke(admin, revoked)

    def is_out(response: httpx.Response) -> bool:
        assert response.status_code in (200, 401), response.text
        return response.status_code == 401

    eventually("identity refuses it", lambda: is_out(member.identity("GET", "/me")))
    eventually("the core refuses it", lambda: is_out(member.core("GET", "/popups")))
    eventually("each process of it does", lambda: is_out(elsewhere.popups()))

    again = sign_in(frail, "standard@acme.example.com")
    assert key_id(again) != revoked
    assert again.popups()
    assert Elsewhere(again, other_core.url).popups().status_code == 200
    renewed = token_request(
        frail, grant_type="refresh_token", refresh_token=str(member.refresh_token)
    )
    assert renewed.status_code == 200
    frail.secrets |= {renewed.json()["access_token"], renewed.json()["refresh_token"]}
    frail.core.kill()
    frail.core.up()
    assert is_out(member.core("GET", "/popups"))
    told = sign_in(frail, "platform@numbersence.com")

    def in_the_trail() -> bool:
        events = told.results("/support/audit-log", limit="100")
        return any(e["action"] == "keys.revoke" and e["resource_id"] == revoked for e in events)

    eventually("the platform's trail tells of it", in_the_trail)


def replica(configuration: Configuration, log: Path) -> ServiceProcess:
    return ServiceProcess(configuration, configuration.identity, Log(log))


def test_replicas_that_start_together_make_one_key(cluster: Cluster, tmp_path: Path) -> None:
    issuer = "http://localhost:8001"
    environ = {"DATA_DIR": str(tmp_path), "ISSUER": issuer, "CORE_PORT": str(quiet_port())}
    replicas = [
        replica(configured({**environ, "IDENTITY_PORT": str(quiet_port())}), tmp_path / f"{n}.log")
        for n in range(3)
    ]
    with cluster.clone(tmp_path / "secrets.env") as databases:
        assert cluster.sql(databases["identity"], "SELECT FROM signing_keys") == []
        try:
            for each in replicas:
                each.launch()
            for each in replicas:
                each.wait_until_ready()
            found = cluster.sql(databases["identity"], "SELECT state FROM signing_keys")
            assert [row["state"] for row in found].count("current") == 1
            assert [row["state"] for row in found].count("next") <= 1
            published = [httpx.get(f"{each.url}/.well-known/jwks.json") for each in replicas]
            assert len({answer.content for answer in published}) == 1
            assert_one_service([each.url for each in replicas])
        finally:
            for each in replicas:
                each.stop()
    assert [each.log.tracebacks() for each in replicas] == [[], [], []]


def assert_one_service(urls: list[str]) -> None:
    """Each replica accepts what every other has signed."""
    form = {"username": "owner@acme.example.com", "password": "demo-password-123"}
    for signer in urls:
        token = httpx.post(f"{signer}/token", data=form).json()["access_token"]
        for verifier in urls:
            headers = {"Authorization": f"Bearer {token}"}
            assert httpx.get(f"{verifier}/me", headers=headers).status_code == 200
