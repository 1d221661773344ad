"""What prepares the containers, on a real server with stand-in services; and who waits for it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.container.prepare import DIRECTORIES, Preparation, PreparationError
from infra.dev.ports import free_port
from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres
from infra.postgres.bootstrap import BootstrapError
from infra.postgres.secrets_file import read_variables

INFRA = Path(__file__).parents[1]
WITH_SECRETS = INFRA / "container" / "with-secrets"
REVISIONS = ("2026_01_first.py", "2026_02_second.py")


class Containers:
    """The volumes and the code that the one-shot would mount, against a server of its own."""

    def __init__(self, root: Path, server: EmbeddedPostgres) -> None:
        self.root = root
        self.server = server
        self.data = root / "volumes"
        for volume in ("administrator", "secrets", "identity", "core"):
            (self.data / volume).mkdir(parents=True)
        for directory in DIRECTORIES.values():
            shutil.copytree(INFRA / "tests" / "standin", root / directory)
            versions = root / directory / "migrations" / "versions"
            versions.mkdir(parents=True)
            for revision in REVISIONS:
                (versions / revision).touch()

    def prepare(self, environment: str, url: str | None = None) -> Preparation:
        return Preparation(
            environment=environment,
            administrator_url=url or self.server.admin_url(),
            password_file=self.data / "administrator" / "password",
            host="127.0.0.1",
            data=self.data,
            root=self.root,
            wait_seconds=0.5,
        )

    def given(self, prefix: str) -> dict[str, str]:
        return read_variables(self.data / prefix / "secrets.env")


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedPostgres]:
    """Apart from the server that other tests prepare with secrets of theirs."""
    with EmbeddedPostgres(settings=FAST_SETTINGS) as running:
        yield running


@pytest.fixture
def containers(directory: Path, own_server: EmbeddedPostgres) -> Containers:
    return Containers(directory, own_server)


@pytest.mark.database
def test_each_service_is_handed_its_own_secrets(containers: Containers) -> None:
    containers.prepare("production").run()
    everything = read_variables(containers.data / "secrets" / "secrets.env")
    identity, core = containers.given("identity"), containers.given("core")
    assert identity
    assert core
    assert all(name.startswith("IDENTITY_") for name in identity)
    assert all(name.startswith("CORE_") for name in core)
    rest = set(everything) - set(identity) - set(core)
    # The private audit key is for the program phasezero: no service is given it.
    assert rest == {
        "AUDIT_SIGNING_KEY",
        "MIGRATION_IDENTITY_DATABASE_URL",
        "MIGRATION_PRODUCT_DATABASE_URL",
    }
    passwords = {urlsplit(everything[name]).password for name in rest} - {None}
    for given in (identity, core):
        assert not passwords & {urlsplit(value).password for value in given.values()}
    for path in containers.data.rglob("secrets.env"):
        assert path.stat().st_mode & 0o777 == 0o600

    containers.prepare("production").run()
    assert (containers.given("identity"), containers.given("core")) == (identity, core)


@pytest.mark.database
def test_it_waits_for_a_server_that_still_starts(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", port=free_port()) as server:
        containers = Containers(directory, server)
        patient = replace(containers.prepare("staging"), wait_seconds=60.0)
        server.stop()
        with ThreadPoolExecutor(1) as pool:
            ready = pool.submit(patient.run)
            with pytest.raises(TimeoutError):
                ready.result(1.0)
            server.start()
            ready.result(60.0)
    assert containers.given("identity")


@pytest.mark.database
def test_demo_data_are_for_development_only(
    containers: Containers, capfd: pytest.CaptureFixture[str]
) -> None:
    containers.prepare("staging").run()
    assert "starts:" not in capfd.readouterr().out
    containers.prepare("development").run()
    assert capfd.readouterr().out.count("starts:") == 2


@pytest.mark.database
def test_databases_with_demo_accounts_get_no_service(containers: Containers) -> None:
    containers.prepare("development").run()
    assert containers.given("identity")
    (containers.root / "identity-service" / "demo-is-there").touch()
    with pytest.raises(PreparationError, match="ENVIRONMENT=production does not run"):
        containers.prepare("production").run()
    assert list(containers.data.glob("[ci]*/secrets.env")) == []
    containers.prepare("development").run()
    assert containers.given("identity")


@pytest.mark.database
def test_nothing_is_handed_out_before_every_revision_is_applied(containers: Containers) -> None:
    failing = containers.root / "product-core-api" / "migrations-fail"
    failing.touch()
    with pytest.raises(PreparationError, match=r"alembic upgrade head failed for .* product"):
        containers.prepare("development").run()
    assert [path.name for path in containers.data.rglob("*") if path.is_file()] == ["secrets.env"]
    assert not containers.given("identity")


def test_it_gives_up_on_a_server_that_does_not_come(directory: Path) -> None:
    url = "postgresql://postgres:x@127.0.0.1:1/postgres"
    environ = {"DATABASE_URL": url, "WAIT_SECONDS": "0.2", "DATA_DIR": str(directory)}
    with pytest.raises(BootstrapError, match="Cannot connect as administrator"):
        Preparation.read(environ).run()
    missing = Preparation.read({"WAIT_SECONDS": "0.2", "DATA_DIR": str(directory)})
    assert missing.environment == "production"
    with pytest.raises(PreparationError, match=r"There is no .*administrator/password"):
        missing.run()


@pytest.fixture
def service(directory: Path) -> Path:
    """A service's directory, with the revisions of its image, and the volume beside it."""
    versions = directory / "service" / "migrations" / "versions"
    versions.mkdir(parents=True)
    for revision in REVISIONS:
        (versions / revision).touch()
    (directory / "volume").mkdir()
    return directory / "service"


def with_secrets(service: Path, command: list[str], **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - the script under test
        [str(WITH_SECRETS), *command],
        cwd=service,
        env={"PATH": os.defpath, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def waiting(service: Path, command: list[str]) -> subprocess.Popen[str]:
    """`with-secrets`, once it says that it waits."""
    secrets = service.parent / "volume" / "secrets.env"
    process = with_secrets(service, command, SECRETS_FILE=str(secrets))
    assert process.stderr
    assert process.stderr.readline().startswith("Waiting for the service migrations")
    return process


PRINT = [sys.executable, "-c", "import os; print(os.environ['A'], os.environ['B'])"]


def test_a_service_starts_when_its_secrets_and_revisions_are_there(service: Path) -> None:
    volume = service.parent / "volume"
    process = waiting(service, PRINT)
    (volume / "secrets.env").write_text("# B=0\n\nA=a b'\"$x`\nB=postgresql://u:p=@h/d?s=1\n")
    (volume / "revisions").write_text(f"{REVISIONS[0]}\n")
    again = waiting(service, PRINT)  # the older of two revisions is not enough
    assert process.poll() is None
    (volume / "revisions").write_text("".join(f"{each}\n" for each in (*REVISIONS, "newer.py")))
    for each in (process, again):
        output, _ = each.communicate(timeout=30)
        assert (each.returncode, output) == (0, "a b'\"$x` postgresql://u:p=@h/d?s=1\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_waits_can_be_stopped(service: Path, number: signal.Signals) -> None:
    process = waiting(service, ["true"])
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number


def test_without_a_file_the_environment_is_enough(service: Path) -> None:
    process = with_secrets(service, PRINT, A="1", B="2")
    assert process.communicate(timeout=30)[0] == "1 2\n"
    failing = with_secrets(service, ["sh", "-c", "exit 7"])
    failing.communicate(timeout=30)
    assert failing.returncode == 7
