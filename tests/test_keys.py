"""Signing keys over both services: they turn under running requests, and only when it is safe."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.dev.configuration import Configuration
from shared_lib.tokens import base64url_decode, json_object
from tests.cluster import Cluster, configured
from tests.conftest import MakeSystem
from tests.logs import Log
from tests.people import Caller, sign_in, token_request
from tests.system import ServiceProcess, System, eventually, quiet_port

pytestmark = pytest.mark.database

PHASEZERO = Path(sys.executable).with_name("phasezero")
# A key signs 14 s after it is published and retires 13 s after it has stopped. The margin is what a
# busy machine may sleep: a keyring that is older than half of it refuses to sign.
QUICK = {
    "IDENTITY_JWKS_MAX_AGE": "3",
    "IDENTITY_KEY_MARGIN": "8",
    "IDENTITY_LONGEST_TOKEN": "5",
    "IDENTITY_ACCESS_TOKEN_LIFETIME": "5",
}


@pytest.fixture(scope="module")
def quick(make_system: MakeSystem) -> System:
    return make_system(**QUICK)


def phasezero(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real program, given what the identity service is given."""
    command = [str(PHASEZERO), "keys", *arguments, "--json"]
    result = subprocess.run(  # noqa: S603 - our own program
        command,
        env=system.environment(system.identity),
        cwd=system.identity.log.path.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.stdout, result.stderr
    return result


def states(system: System) -> list[str]:
    keys = json.loads(phasezero(system, "list").stdout)["keys"]
    return sorted(key["state"] for key in keys)


def key_id(caller: Caller) -> str:
    header = json_object(base64url_decode(caller.access_token.partition(".")[0]))
    return str(header["kid"])


class Customers:
    """People who sign in and read again and again, and what went wrong for them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.kids: set[str] = set()
        self.requests = 0
        self._workers: list[Future[None]] = []
        self._ended = threading.Event()

    @contextmanager
    def at_work(self, number: int = 3) -> Iterator[None]:
        with ThreadPoolExecutor(number) as pool:
            self._workers = [pool.submit(self._work) for _ in range(number)]
            try:
                yield
            finally:
                self._ended.set()
        self.check()

    def check(self) -> None:
        """Raise what went wrong for one of them."""
        for worker in self._workers:
            if worker.done():
                worker.result()

    def _work(self) -> None:
        while not self._ended.is_set():
            early = sign_in(self.system, "owner@acme.example.com")
            late = self._renewed(early)
            self.kids.add(key_id(early))
            until = time.monotonic() + 3
            while time.monotonic() < until and not self._ended.is_set():
                self._read(early)
                time.sleep(0.02)
            # Shown for the first time, when the key that signed it may have stopped signing:
            # services remember for a while which tokens they have verified.
            self._read(late)
            self._renewed(late)

    def _read(self, caller: Caller) -> None:
        for response in (caller.core("GET", "/popups"), caller.identity("GET", "/me")):
            assert response.status_code == 200, response.text
            self.requests += 1

    def _renewed(self, caller: Caller) -> Caller:
        token = str(caller.refresh_token)
        answer = token_request(self.system, grant_type="refresh_token", refresh_token=token)
        assert answer.status_code == 200, answer.text
        return Caller(self.system, answer.json()["access_token"], answer.json()["refresh_token"])


def rotate_twice_at_once(system: System) -> list[dict[str, Any]]:
    """What was done: at most one of them finds a step that is safe."""
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(phasezero, system, "rotate") for _ in range(2)]
    answers = [json.loads(each.result().stdout) for each in results]
    return [answer for answer in answers if "refused" not in answer]


def test_keys_turn_twice_under_running_requests(quick: System) -> None:
    customers = Customers(quick)
    turned: list[dict[str, Any]] = []

    def step() -> bool:
        customers.check()
        turned.extend(rotate_twice_at_once(quick))
        time.sleep(0.5)
        promoted = [each["promoted"] for each in turned if each["promoted"]]
        retired = [kid for each in turned for kid in each["retired"]]
        return len(promoted) >= 2 and len(retired) >= 1 and set(promoted) <= customers.kids

    with customers.at_work():
        eventually("two keys have signed and the first is retired", step, patience=120)
    assert len(customers.kids) >= 3
    assert customers.requests > 100
    assert set(states(quick)) == {"current", "next", "previous", "retired"}


def test_an_unsafe_step_is_refused_with_its_reason(system: System) -> None:
    """With the schedule of production."""
    if "next" not in states(system):
        assert phasezero(system, "rotate").returncode == 0
    before = phasezero(system, "list").stdout
    refused = phasezero(system, "rotate")
    assert refused.returncode == 1
    answer = json.loads(refused.stdout)
    assert "verifiers that still hold an older key set" in answer["refused"]
    upcoming = next(key for key in json.loads(before)["keys"] if key["state"] == "next")
    assert answer["safe_at"] == upcoming["next_step_from"]
    assert phasezero(system, "list").stdout == before


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
