"""The embedded PostgreSQL: starting, stopping, and what a crash leaves behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.dev._placement import FALLBACK, binaries_for, run_as, wheel_bin
from infra.dev.ports import PortTakenError, free_port
from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres, PostgresInUseError

pytestmark = pytest.mark.database
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def query(url: str, sql: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def lives(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 60
    while lives(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.02)


def test_given_settings_hold_and_text_is_utf8(server: EmbeddedPostgres) -> None:
    for name, value in FAST_SETTINGS.items():
        assert query(server.admin_url(), f"SHOW {name}") == value
    assert query(server.admin_url(), "SHOW server_encoding") == "UTF8"
    assert query(server.admin_url(), "SELECT lower('ÄÉ')") == "äé"


def test_without_settings_what_is_committed_is_on_disk(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres") as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(server.admin_url(), f"SHOW {name}") == "on"


def test_nobody_enters_without_the_password(server: EmbeddedPostgres) -> None:
    address = server.admin_url().partition("@")[2]
    with pytest.raises(asyncpg.InvalidPasswordError):
        query(f"postgresql://postgres:wrong@{address}", "SELECT 1")
    assert query(server.admin_url(), "SHOW password_encryption") == "scram-sha-256"
    assert "trust" not in (server.data / "pg_hba.conf").read_text().split("# TYPE")[1]


def test_files_are_private(server: EmbeddedPostgres) -> None:
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in (server.data, server.directory / "socket", server.directory / "admin-password")
    }
    assert modes == {"data": 0o700, "socket": 0o700, "admin-password": 0o600}
    assert (server.directory / "socket" / f".s.PGSQL.{server.port}").is_socket()


def test_data_survive_a_restart(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        query(server.admin_url(), "CREATE TABLE kept AS SELECT 7 AS n")
        first_pid = server.pid
    assert first_pid
    assert not lives(first_pid)
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        assert query(server.admin_url(), "SELECT n FROM kept") == 7


def test_a_temporary_server_leaves_nothing() -> None:
    with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
        assert server.data.exists()
    assert not server.directory.exists()


def test_two_starts_of_one_directory_are_refused(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        second = EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS)
        with pytest.raises(PostgresInUseError, match=str(os.getpid())):
            second.start()
        assert query(server.admin_url(), "SELECT 1") == 1


def test_a_taken_port_is_named(directory: Path, server: EmbeddedPostgres) -> None:
    with pytest.raises(PortTakenError, match=f"{server.port}.*PostgreSQL"):
        EmbeddedPostgres(directory / "postgres", port=server.port).start()


def test_a_free_port_that_somebody_takes_meanwhile_is_given_up(
    directory: Path, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([server.port, free_port()])
    monkeypatch.setattr("infra.dev.postgres.free_port", lambda _host: next(found))
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as second:
        assert query(second.admin_url(), "SELECT 1") == 1
    assert list(found) == []


def test_a_long_path_still_gets_a_socket(directory: Path) -> None:
    deep = directory / ("d" * 100) / "postgres"
    with EmbeddedPostgres(deep, settings=FAST_SETTINGS) as server:
        sockets = Path(query(server.admin_url(), "SHOW unix_socket_directories"))
        assert (sockets / f".s.PGSQL.{server.port}").is_socket()
    assert not sockets.exists()


@on_linux
def test_starts_after_the_server_was_killed(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        query(server.admin_url(), "CREATE TABLE kept AS SELECT 7 AS n")
        query(server.admin_url(), "CHECKPOINT")
        pid = server.pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        wait_until_dead(pid)
        assert not server.pid
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        assert query(server.admin_url(), "SELECT n FROM kept") == 7


@on_linux
def test_the_server_dies_with_its_process(directory: Path) -> None:
    program = (
        "import sys, time, pathlib; from infra.dev.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(directory / "postgres")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        pid = int(process.stdout.readline())
        assert lives(pid)
        process.kill()
    wait_until_dead(pid)
    with EmbeddedPostgres(directory / "postgres") as server:
        assert query(server.admin_url(), "SELECT 1") == 1


@on_linux
def test_a_server_left_behind_is_ended_first(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        pass
    options = f"-c listen_addresses=127.0.0.1 -p {free_port()} -k {server.directory}/socket"
    log = server.data / "left-behind.log"
    start = [str(server.bin_dir / "pg_ctl"), "start", "-w", "-D", str(server.data), "-l", str(log)]
    assert run_as([*start, "-o", options], server.account).returncode == 0
    left_behind = int((server.data / "postmaster.pid").read_text().split()[0])
    assert lives(left_behind)
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        assert not lives(left_behind)
        assert query(server.admin_url(), "SELECT 1") == 1


@on_linux
def test_a_stale_pid_file_may_name_another_process(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        content = (server.data / "postmaster.pid").read_text()
    user = server.account.uid if server.account else None
    with subprocess.Popen(["/bin/sleep", "60"], user=user, cwd="/") as other:
        stale = content.replace(content.split()[0], str(other.pid), 1)
        (server.data / "postmaster.pid").write_text(stale)
        with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
            assert query(server.admin_url(), "SELECT 1") == 1
        assert other.poll() is None
        other.kill()


@as_root
def test_data_belong_to_an_unprivileged_account(directory: Path) -> None:
    before = directory.stat()
    with EmbeddedPostgres(directory / "postgres", settings=FAST_SETTINGS) as server:
        assert server.directory == directory / "postgres"
        assert server.data.stat().st_uid != 0
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.data.stat().st_uid
        assert (server.directory / "admin-password").stat().st_uid == 0
    after = directory.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)


@as_root
def test_an_unreachable_directory_stays_closed(directory: Path) -> None:
    directory.chmod(0o700)
    with EmbeddedPostgres(directory / "deep" / "postgres", settings=FAST_SETTINGS) as server:
        assert server.directory.parent == FALLBACK
        assert query(server.admin_url(), "SELECT 1") == 1
    assert directory.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(server.directory)


@as_root
def test_unreachable_binaries_are_copied(directory: Path, server: EmbeddedPostgres) -> None:
    package = wheel_bin().parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    for source in (wheel_bin().parent, libraries):
        copy = directory / source.relative_to(package.parent)
        shutil.copytree(source, copy, symlinks=True)
    directory.chmod(0o700)
    bin_dir, _ = binaries_for(directory / wheel_bin().relative_to(package.parent), server.account)
    assert bin_dir.is_relative_to(FALLBACK)
    with EmbeddedPostgres(settings=FAST_SETTINGS, bin_dir=bin_dir) as copied:
        assert query(copied.admin_url(), "SELECT 1") == 1
    assert directory.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(FALLBACK / bin_dir.relative_to(FALLBACK).parts[0])
