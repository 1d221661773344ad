"""`phasezero doctor` on a real system, whole and broken in one place at a time."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import httpx
import pytest

from shared_lib.checks import Check, CheckState
from shared_lib.doctor import EXAMINATIONS, Target, examine
from shared_lib.postgres import driver_url
from tests.conftest import MakeSystem
from tests.doctor_faults import FAULTS
from tests.edge import CORE, IDENTITY, ORIGIN, Edge, Fault, without
from tests.people import PASSWORD, create_account, sign_in
from tests.program import PHASEZERO
from tests.system import System, eventually, quiet_port

pytestmark = pytest.mark.database

PERSON = "owner@acme.example.com"
ROLES = ("APP", "AUTH", "PLATFORM", "WORKER")
# Not in the table of the edge: what is broken there is a database. See `liar`.
BROKEN_DATABASES = (
    *("database.roles", "database.server_version", "database.set_config", "database.key_ages"),
)


@pytest.fixture(scope="module")
def production(make_system: MakeSystem) -> System:
    """A system as its clients see it through the edge: by https, under names of its own."""
    system = make_system(
        ISSUER=IDENTITY,
        ALLOWED_ORIGINS=ORIGIN,
        RATE_LIMIT_ADDRESS="off",
        RATE_LIMIT_PRINCIPAL="off",
        IDENTITY_REVOCATION_BOUND_SECONDS="10",
        IDENTITY_REVOCATION_PROBE_SECONDS="5",
    )
    eventually("the bound is measured", lambda: is_ready(system))
    return system


def is_ready(system: System) -> bool:
    urls = (system.identity.url, system.core.url)
    return all(system.client.get(f"{url}/health/ready").json()["status"] == "ready" for url in urls)


@pytest.fixture(scope="module")
def whole(production: System) -> Target:
    """All that can be told of it."""
    account = create_account(sign_in(production, PERSON), name="Doctor")
    return Target(
        issuer=IDENTITY,
        core=CORE,
        person=(PERSON, PASSWORD),
        client=(account.id, account.secret),
        resource=("product-core-api", environment(production)["CORE_CLIENT_SECRET"]),
        databases=databases(production),
        origin=ORIGIN,
    )


def environment(system: System) -> dict[str, str]:
    """What both services are given."""
    return {**system.environment(system.core), **system.environment(system.identity)}


def databases(system: System) -> dict[str, str]:
    variables = environment(system)
    found = {
        f"{prefix}_{role}".lower(): variables.get(f"{prefix}_{role}_DATABASE_URL")
        for prefix in ("IDENTITY", "CORE")
        for role in ROLES
    }
    return {name: driver_url(url) for name, url in found.items() if url}


@pytest.fixture(scope="module")
def liar(production: System) -> Iterator[str]:
    """The URL of a role that gets around row level security and may call `set_config`, on a server
    that says it is an old one; its signing key is of last year.
    """
    role, password = f"liar_{token_hex(6)}", token_hex(16)
    _, database = production.administrator_of("identity")
    old_server = (
        f"CREATE FUNCTION {role}.current_setting(text) RETURNS text LANGUAGE sql AS $$"
        " SELECT CASE $1 WHEN 'server_version_num' THEN '180004'"
        " ELSE pg_catalog.current_setting($1) END $$"
    )
    old_key = (
        f"CREATE TABLE {role}.signing_keys AS SELECT kid, state, published_at,"  # noqa: S608
        " activated_at - interval '1 year' AS activated_at FROM public.signing_keys"
    )
    for statement in (
        f"CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD '{password}'",
        f"CREATE SCHEMA {role}",
        f"GRANT USAGE ON SCHEMA {role} TO {role}",
        f"GRANT CONNECT ON DATABASE {database} TO {role}",
        f"GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO {role}",
        old_server,
        old_key,
        f"GRANT SELECT ON {role}.signing_keys TO {role}",
        f"ALTER ROLE {role} SET search_path = {role}, pg_catalog, public",
    ):
        production.sql("identity", statement)
    administrator = httpx.URL(databases(production)["identity_app"])
    yield str(administrator.copy_with(username=role, password=password))
    production.sql("identity", f"DROP SCHEMA {role} CASCADE")
    production.sql("identity", f"DROP OWNED BY {role}")
    production.sql("identity", f"DROP ROLE {role}")


def examined(
    system: System, target: Target, fault: Fault | None = None, only: tuple[str, ...] = ()
) -> dict[str, Check]:
    """Every check, by its full name, of a deployment behind an edge."""
    edge = Edge({IDENTITY: system.identity.url, CORE: system.core.url}, fault)
    if fault is not None:
        target = fault.target(target)
    checks = asyncio.run(examine(target, only=only, transport=edge))
    return {f"{check.section}.{check.name}": check for check in checks}


def faults_of(checks: dict[str, Check]) -> dict[str, tuple[str, ...]]:
    """What does not hold. An old server is one, and nothing of ours."""
    return {
        name: check.faults
        for name, check in checks.items()
        if check.faults and name != "database.server_version"
    }


def skipped(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if check.state is CheckState.SKIPPED}


def test_everything_holds_and_everything_is_looked_at(production: System, whole: Target) -> None:
    checks = examined(production, whole)
    assert faults_of(checks) == {}
    assert skipped(checks) == set()
    assert checks.keys() == {each.full_name for each in EXAMINATIONS}


def test_a_service_account_is_enough_for_most_of_it(production: System, whole: Target) -> None:
    checks = examined(production, without(whole, person=None, resource=None))
    assert faults_of(checks) == {}
    assert skipped(checks) == {
        *("revocation.refused_by_identity", "revocation.refresh_dead"),
        *("browsers.cookie_origin", "browsers.refresh_cookie"),
    }


def test_without_credentials_the_public_part_is_looked_at(production: System) -> None:
    checks = examined(production, Target(issuer=IDENTITY))
    assert faults_of(checks) == {}
    sections = {"tokens", "database", "flood"}
    assert {name for name in checks if name.partition(".")[0] in sections} <= skipped(checks)
    assert checks["deployment.core"].skipped == "no URL of the core was given"
    assert checks["bearer.forged"].state is CheckState.PASSED


def test_an_admin_of_the_platform_sees_the_keys_without_a_database(production: System) -> None:
    target = Target(issuer=IDENTITY, person=("platform@numbersence.com", "platform123"))
    names = ("database.key_ages", "database.published_keys")
    checks = examined(production, target, only=names)
    assert (faults_of(checks), skipped(checks)) == ({}, set())


def test_every_check_has_a_broken_deployment() -> None:
    names = {each.full_name for each in EXAMINATIONS}
    assert len(names) == len(EXAMINATIONS)
    assert {name for name, _ in FAULTS} | set(BROKEN_DATABASES) == names


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[name for name, _ in FAULTS])
def test_a_broken_deployment_is_caught(
    production: System, whole: Target, name: str, fault: Fault
) -> None:
    found = examined(production, whole, fault, only=(name, "deployment.identity"))[name]
    assert found.faults, found
    assert not any("could not be looked at" in each for each in found.faults), found.faults


@pytest.mark.parametrize("name", BROKEN_DATABASES)
def test_a_broken_database_is_caught(
    production: System, whole: Target, liar: str, name: str
) -> None:
    # key_ages asks the worker; the one role that may call set_config is another.
    role = "identity_worker" if name == "database.key_ages" else "identity_app"
    broken = without(whole, databases={role: liar})
    assert examined(production, broken, only=(name,))[name].faults


def test_secrets_go_to_no_origin_that_the_metadata_invent(
    production: System, whole: Target
) -> None:
    elsewhere = dict(FAULTS)["discovery.endpoints"]
    checks = examined(production, whole, elsewhere, only=("tokens.answered",))
    assert "another origin" in checks["tokens.answered"].skipped


def test_credentials_that_are_wrong_are_tried_once(production: System, whole: Target) -> None:
    tried = []

    def count(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        tried.append(b"username" in request.content)
        return answer

    wrong = without(whole, person=(PERSON, "not my password"), databases={})
    checks = examined(production, wrong, Fault(after=count))
    assert checks["tokens.answered"].faults == ("none: 400 invalid_credentials",)
    assert checks["revocation.revoked"].skipped == "no token was issued"
    assert sum(tried) == 1


def test_what_a_check_chokes_on_is_a_fault_of_that_check(production: System, whole: Target) -> None:
    def nonsense(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        return httpx.Response(200, content=b"[[[", headers={"content-type": "application/json"})

    checks = examined(production, whole, Fault(after=nonsense))
    assert len(checks) == len(EXAMINATIONS)
    assert all(check.faults or check.skipped for name, check in checks.items() if "oauth" in name)


def phasezero(system: System, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, given what both services are given."""
    return subprocess.run(  # noqa: S603 - our own program
        [str(PHASEZERO), "doctor", *arguments],
        env=environment(system),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_program_on_a_system_as_make_up_starts_it(system: System, tmp_path: Path) -> None:
    eventually("the bound is measured", lambda: is_ready(system))
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    done = phasezero(
        system,
        tmp_path,
        system.environment(system.identity)["ISSUER"],
        *("--core", system.core.url, "--username", PERSON, "--password-file", str(password)),
        *("--accept", "database.server_version", "--json"),
    )
    report = json.loads(done.stdout)
    checks = {f"{each['section']}.{each['name']}": each for each in report["checks"]}
    assert {name: each["faults"] for name, each in checks.items() if each["faults"]} == {}
    assert done.returncode == 0
    assert checks["database.roles"]["state"] == checks["revocation.inactive"]["state"] == "passed"
    assert PASSWORD not in done.stdout + done.stderr


def test_a_host_that_is_not_there_is_said_in_a_line(system: System, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{quiet_port()}"
    done = phasezero(system, tmp_path, url)
    assert done.returncode == 1
    assert f"{url} cannot be reached: ConnectError" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
