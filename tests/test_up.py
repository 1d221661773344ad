"""`make up` from start to end: what it prints works, Ctrl-C ends all of it, data stay."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.dev.configuration import ROOT, RUNNER
from infra.dev.ports import holder_of
from infra.postgres.secrets_file import read_variables
from tests.logs import Log
from tests.system import PATIENCE, eventually, quiet_port, secrets_in

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]
READY = "Phase Zero is running."
STOP_SECONDS = 60.0
PORTS = ("CORE", "CORE_METRICS", "IDENTITY", "IDENTITY_METRICS", "POSTGRES")


class Up:
    """Runs of `make up` on one data directory, at ports of their own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ports = {name: quiet_port() for name in PORTS}
        self.log = Log(data / "up.log")
        self.process: subprocess.Popen[bytes] | None = None
        self.children: set[int] = set()

    def launch(self) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if name not in RUNNER}
        kept |= {name: os.environ[name] for name in ("POSTGRES_BIN",) if name in os.environ}
        ports = {f"{name}_PORT": str(port) for name, port in self.ports.items()}
        with self.log.path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.dev.up"],
                cwd=ROOT,
                env={**kept, **ports, "DATA_DIR": str(self.data)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def start(self) -> str:
        """Wait until it says that it is ready; what it has printed."""
        process = self.launch()

        def is_ready() -> bool:
            assert process.poll() is None, self.log.tail()
            return READY in self.output

        # The first run makes the databases and everything in them.
        eventually("make up is ready", is_ready, 4 * PATIENCE)
        self.children = descendants(process.pid)
        eventually("the banner is whole", lambda: "$TOKEN" in self.output)
        return self.output

    def refuse_to_start(self) -> int:
        """The exit status of a run that ends by itself."""
        try:
            return self.launch().wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.interrupt()
            raise

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    @property
    def output(self) -> str:
        return self.log.path.read_text()


def descendants(pid: int) -> set[int]:
    """The processes that `pid` started, and theirs, that are no zombies."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found |= {int(entry.name)} | descendants(int(entry.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def curl(command: str, **variables: str) -> Any:
    """Do what a printed curl command does; the JSON of the answer."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    url = next(word for word in shlex.split(command) if word.startswith("localhost"))
    words = shlex.split(command)
    given = list(pairwise(words))
    form = dict(word.split("=", 1) for option, word in given if option == "-d")
    headers = dict(word.split(": ", 1) for option, word in given if option == "-H")
    method = "POST" if form else "GET"
    response = httpx.request(method, f"http://{url}", data=form or None, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


def printed_commands(output: str) -> list[str]:
    joined = output.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip().startswith("curl ")]


@pytest.fixture
def up() -> Iterator[Up]:
    # Not pytest's own directory, which the account of PostgreSQL may not enter.
    directory = Path(tempfile.mkdtemp(prefix="phase-zero-up-"))
    directory.chmod(0o755)
    made = Up(directory)
    yield made
    if made.process and made.process.poll() is None:
        made.interrupt()
    shutil.rmtree(directory)


def test_make_up_from_start_to_ctrl_c_and_again(up: Up) -> None:
    output = up.start()
    for account in ("platform@numbersence.com", "support@numbersence.com", "acme.example.com"):
        assert account in output
    for name in ("CORE", "IDENTITY"):
        assert f"http://localhost:{up.ports[name]}" in output
    sign_in, listing = printed_commands(output)
    token = curl(sign_in)["access_token"]
    popups = curl(listing, TOKEN=token)
    assert "Spring Market" in {popup["name"] for popup in popups["results"]}
    url = f"http://localhost:{up.ports['CORE']}/api/v1/popups"
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.post(url, json={"name": "Kept"}, headers=headers).status_code == 201

    assert len(up.children) >= 3
    assert up.interrupt() == 0
    assert up.output.endswith("Stopped.\n")
    assert [pid for pid in up.children if is_running(pid)] == []
    assert [holder_of(port) for port in up.ports.values()] == [None] * len(up.ports)
    assert up.log.leaks(secrets_in(read_variables(up.data / "secrets.env"))) == []
    assert up.log.tracebacks() == []

    again = printed_commands(up.start())
    assert curl(again[1], TOKEN=token)["paging"]["total"] == popups["paging"]["total"] + 1, (
        "the token and the popup of the first run"
    )
    fresh = curl(again[0])["access_token"]
    assert "Kept" in {popup["name"] for popup in curl(again[1], TOKEN=fresh)["results"]}

    second = Up(up.data / "second")
    second.data.mkdir()
    second.ports |= {"IDENTITY": up.ports["IDENTITY"]}
    assert second.refuse_to_start() == 1
    assert f"Port {up.ports['IDENTITY']}, needed for identity, is taken" in second.output
    assert up.interrupt() == 0
