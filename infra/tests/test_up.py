"""The runner from start to end: real processes, stand-ins for the services."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.dev.ports import free_ports

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]
INFRA = Path(__file__).parents[1]
PATIENCE = 60.0
READY = "Phase Zero is running."


class Tree:
    """A clone with stand-in services, and the runs started in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.core_port, self.identity_port, self.postgres_port, *metrics_ports = free_ports(5)
        self.core_metrics_port, self.identity_metrics_port = metrics_ports
        self.runs: list[Run] = []
        ignored = shutil.ignore_patterns("tests", "__pycache__", ".*_cache")
        shutil.copytree(INFRA, root / "infra", ignore=ignored)
        (root / "shared-lib" / "src").mkdir(parents=True)
        for name in ("identity-service", "product-core-api"):
            shutil.copytree(INFRA / "tests" / "standin", root / name, ignore=ignored)

    def up(self, **environ: str) -> "Run":
        run = Run(self, environ)
        self.runs.append(run)
        return run


class Run:
    """One ``python -m infra.dev.up``."""

    def __init__(self, tree: Tree, environ: dict[str, str]) -> None:
        self._log = tree.root / f"run-{len(tree.runs)}.log"
        ports = {
            "CORE_PORT": str(tree.core_port),
            "CORE_METRICS_PORT": str(tree.core_metrics_port),
            "IDENTITY_METRICS_PORT": str(tree.identity_metrics_port),
            "IDENTITY_PORT": str(tree.identity_port),
            "POSTGRES_PORT": str(tree.postgres_port),
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.dev.up"],
                cwd=tree.root,
                env={**os.environ, **ports, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.children: set[int] = set()

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_until_ready(self) -> "Run":
        deadline = time.monotonic() + PATIENCE
        while READY not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        self.children = descendants(self.process.pid)
        return self

    def finish(self) -> int:
        status = self.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while alive := {pid for pid in self.children if parent_of(pid) is not None}:
            assert time.monotonic() < deadline, f"left behind: {alive}\n{self.output}"
            time.sleep(0.02)
        return status


def parent_of(pid: int) -> int | None:
    """The parent; None for a process that is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[1])


def descendants(pid: int) -> set[int]:
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    children = [child for child in pids if parent_of(child) == pid]
    return set(children).union(*(descendants(child) for child in children))


def get(port: int) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    answer = json.load(connection.getresponse())
    connection.close()
    return answer


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.fixture
def tree(directory: Path) -> Iterator[Tree]:
    made = Tree(directory)
    yield made
    for run in made.runs:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGTERM)
            run.finish()


def test_runs_until_interrupted_and_keeps_the_data(tree: Tree) -> None:
    first = tree.up().wait_until_ready()
    core, identity = get(tree.core_port), get(tree.identity_port)
    assert "CORE_APP_DATABASE_URL" in core
    assert "IDENTITY_APP_DATABASE_URL" in identity
    assert not [name for name in (*core, *identity) if name.startswith("MIGRATION_")]
    assert (tree.root / ".data" / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert first.output.count("starts: 1") == 2

    second = tree.up()
    assert second.finish() == 1
    assert f"already runs here, as process {first.process.pid}" in second.output
    assert get(tree.core_port) == core

    os.killpg(first.process.pid, signal.SIGINT)
    assert first.finish() == 0
    assert first.output.endswith("Stopped.\n")

    third = tree.up().wait_until_ready()
    assert third.output.count("starts: 2") == 2
    third.process.terminate()
    assert third.finish() == 0


def test_a_taken_port_leaves_nothing_running(tree: Tree, server: Any) -> None:
    tree.core_port = server.port
    run = tree.up()
    assert run.finish() == 1
    assert f"Port {server.port}, needed for core, is taken by process {server.pid}" in run.output
    assert not (tree.root / ".data" / "postgres").exists()


@pytest.mark.parametrize("victim", ["uvicorn", "/postgres", "app.worker"])
def test_when_one_process_dies_the_others_end(tree: Tree, victim: str) -> None:
    run = tree.up(RELOAD="1").wait_until_ready()
    killed = next(
        pid
        for pid in run.children
        if parent_of(pid) == run.process.pid and victim in command_of(pid)
    )
    os.kill(killed, signal.SIGKILL)
    assert run.finish() == 1
    assert "has ended by itself" in run.output


def test_nothing_outlives_a_killed_runner(tree: Tree) -> None:
    run = tree.up(RELOAD="1").wait_until_ready()
    run.process.kill()
    run.finish()
    assert tree.up().wait_until_ready().output.count("starts: 2") == 2


def test_a_failing_migration_is_shown(tree: Tree) -> None:
    (tree.root / "product-core-api" / "migrations-fail").touch()
    run = tree.up()
    assert run.finish() == 1
    assert "core | the revision cannot be applied" in run.output
    assert "core: alembic failed (exit status 1)" in run.output
    assert not (tree.root / ".data" / "postgres" / "data" / "postmaster.pid").exists()


def test_an_interrupted_start_leaves_nothing(tree: Tree) -> None:
    run = tree.up()
    deadline = time.monotonic() + PATIENCE
    while "Migrating" not in run.output:
        assert time.monotonic() < deadline, run.output
        time.sleep(0.01)
    run.children = descendants(run.process.pid)
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.finish() == 0
    assert READY not in run.output


def test_a_server_of_ones_own_is_prepared_and_left_running(tree: Tree, server: Any) -> None:
    run = tree.up(DATABASE_URL=server.admin_url()).wait_until_ready()
    assert f":{server.port}/product" in get(tree.core_port)["CORE_APP_DATABASE_URL"]
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.finish() == 0
    assert server.pid
    assert not (tree.root / ".data" / "postgres").exists()
