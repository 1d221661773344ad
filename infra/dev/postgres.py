"""The embedded PostgreSQL: a real server that belongs to this process and ends with it.

    with EmbeddedPostgres(directory, port=5433) as server:
        server.admin_url("postgres")

On Linux the server also ends when the process is killed.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from infra.dev._placement import (
    PostgresError,
    binaries_for,
    directory_for,
    make_private,
    run_as,
    server_account,
    temporary_directory,
    wheel_bin,
)
from infra.dev.ports import PortTakenError, free_port, require_free
from infra.dev.processes import end, spawn

__all__ = ["FAST_SETTINGS", "EmbeddedPostgres", "PostgresError", "PostgresInUseError"]

ADMINISTRATOR = "postgres"
HOST = "127.0.0.1"
START_SECONDS = 120.0  # crash recovery included
STOP_SECONDS = 30.0
FREE_PORT_ATTEMPTS = 5
SOCKET_ADDRESS_BYTES = 103  # macOS; Linux has 107

FAST_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}
"""For tests only: a crash of the machine may destroy the data."""


class PostgresInUseError(PostgresError):
    """Another process runs the server of this directory."""


class EmbeddedPostgres:
    """A PostgreSQL of our own on 127.0.0.1.

    `directory` keeps the data (None: a temporary one, removed by `stop`); `port` 0 takes a free
    one; `settings` are parameters of the server; `bin_dir` defaults to the environment's
    POSTGRES_BIN, else to the wheel's binaries.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        bin_dir: Path | None = None,
    ) -> None:
        self._wanted_directory = directory
        self._wanted_port = port
        self._settings = dict(settings or {})
        self._wanted_bin = bin_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._resources = ExitStack()
        self.port = port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process, as long as it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self.directory / "server.log"

    @property
    def _password_file(self) -> Path:
        return self.directory / "admin-password"

    def admin_url(self, database: str = "postgres") -> str:
        """The administrator's URL of a database (``postgresql://``). Raises PostgresError."""
        try:
            password = self._password_file.read_text().strip()
        except FileNotFoundError:
            raise PostgresError(f"{self._password_file} is lost: remove {self.directory}") from None
        return f"postgresql://{ADMINISTRATOR}:{password}@{HOST}:{self.port}/{quote(database)}"

    def start(self) -> None:
        """Start the server, ending one that a killed predecessor left behind.

        Raises PostgresInUseError, PortTakenError or PostgresError.
        """
        if self._process:
            raise PostgresInUseError("This server was started already.")
        try:
            self._place()
            self._lock()
            self._end_leftover()
            if not self.data.exists():
                self._initialize()
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down: sessions are cut off, what was committed is on disk."""
        if self._process:
            end(self._process, signal.SIGINT, STOP_SECONDS)
            self._process = None
        self._resources.close()

    def _place(self) -> None:
        wanted = self._wanted_directory
        self.account = server_account(wanted / "data") if wanted else server_account(Path())
        bin_dir = self._wanted_bin or Path(os.environ.get("POSTGRES_BIN") or wheel_bin())
        self.bin_dir, self.version = binaries_for(bin_dir, self.account)
        if wanted:
            self.directory = directory_for(wanted, self.account)
        else:
            self.directory = temporary_directory(self.account)
            self._resources.callback(shutil.rmtree, self.directory)
        self.data = self.directory / "data"

    def _lock(self) -> None:
        lock = self._resources.enter_context((self.directory / "lock").open("a+"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise PostgresInUseError(
                f"The PostgreSQL of {self.directory} is already run by process {lock.read()}."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()

    def _end_leftover(self) -> None:
        """End the server of a predecessor that was killed; remove a stale ``postmaster.pid``.

        We hold the directory's lock, so nobody else runs that server.
        """
        found = self._postmaster()
        if not found:
            return
        home = Path(f"/proc/{found[0]}/cwd")
        if Path("/proc/self").exists() and not (home.exists() and home.samefile(self.data)):
            # The number may meanwhile belong to another process, which PostgreSQL would take for
            # its predecessor. That nobody uses the data it checks again, by its shared memory.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            return
        for mode in ("fast", "immediate"):
            command = [str(self.bin_dir / "pg_ctl"), "stop", "-D", str(self.data), "-m", mode]
            if run_as([*command, "-w", "-t", str(int(STOP_SECONDS))], self.account).returncode == 0:
                return
        if self._postmaster():
            raise PostgresError(f"The PostgreSQL left behind as process {found[0]} does not stop.")

    def _initialize(self) -> None:
        """Make the data directory; it gets its name when it is complete."""
        incomplete = self.directory / "data.incomplete"
        shutil.rmtree(incomplete, ignore_errors=True)
        make_private(incomplete, self.account)
        password = secrets.token_urlsafe(32)
        _write_private(self._password_file, password)
        handed_over = self.directory / "initdb-password"
        _write_private(handed_over, password)
        if self.account:
            os.chown(handed_over, self.account.uid, self.account.gid)
        try:
            options = [f"--pgdata={incomplete}", f"--username={ADMINISTRATOR}", "--encoding=UTF8"]
            options += ["--auth=scram-sha-256", f"--pwfile={handed_over}", *self._locale()]
            if self._settings.get("fsync") == "off":
                options.append("--no-sync")
            result = run_as([str(self.bin_dir / "initdb"), *options], self.account)
        finally:
            handed_over.unlink()
        if result.returncode != 0:
            raise PostgresError(f"initdb failed:\n{result.stdout}")
        incomplete.rename(self.data)

    def _locale(self) -> list[str]:
        """Code-point order and Unicode case rules on every platform, where the version can."""
        if int(self.version.split(".")[0]) >= 17:  # noqa: PLR2004
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]

    def _run(self) -> None:
        for attempt in range(FREE_PORT_ATTEMPTS):
            self.port = self._wanted_port or free_port(HOST)
            try:
                require_free("PostgreSQL", self.port, hosts=(HOST,))
                self._run_once()
            except (PortTakenError, PostgresError) as error:
                # Since it was found free, another process may have taken the port.
                taken = isinstance(error, PortTakenError) or "could not bind" in self._log_tail()
                if self._wanted_port or not taken or attempt == FREE_PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    def _run_once(self) -> None:
        command = [str(self.bin_dir / "postgres"), "-D", str(self.data)]
        for name, value in self._parameters().items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("wb") as output:
            self._process = spawn(
                command,
                cwd=Path("/"),
                env={"PATH": os.defpath, "LC_ALL": "C"},
                output=output,
                account=self.account,
                death_signal=signal.SIGINT,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._postmaster() != (self._process.pid, "ready"):
            if self._process.poll() is not None:
                self._process = None
                raise PostgresError(f"PostgreSQL does not start:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL is not ready; see {self.log}.")
            time.sleep(0.02)

    def _parameters(self) -> dict[str, str]:
        return {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self._socket_directory()),
            "logging_collector": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | self._settings

    def _socket_directory(self) -> Path:
        socket_directory = self.directory / "socket"
        if len(bytes(socket_directory / ".s.PGSQL.65535.lock")) > SOCKET_ADDRESS_BYTES:
            short = temporary_directory(self.account)
            self._resources.callback(shutil.rmtree, short)
            socket_directory = short / "socket"
        # A socket's lock file, too, may name a process that is another one by now.
        shutil.rmtree(socket_directory, ignore_errors=True)
        make_private(socket_directory, self.account)
        return socket_directory

    def _postmaster(self) -> tuple[int, str] | None:
        """Process id and state from ``postmaster.pid``; None without it or before it is whole."""
        with suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            if lines:
                return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004
        return None

    def _log_tail(self) -> str:
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return ""


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
