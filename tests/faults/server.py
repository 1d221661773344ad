"""A PostgreSQL of a test's own, which it may kill, freeze and start again."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.dev.postgres import EmbeddedPostgres
from tests.system import quiet_port

# Unlike those of the run: what was acknowledged must outlive the server, if not the machine.
SETTINGS = {"fsync": "off", "synchronous_commit": "on", "max_connections": "200"}


class OwnServer:
    """The server, at the same port in each of its lives."""

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(
            directory / "postgres", port=quiet_port(), settings=SETTINGS
        )

    @property
    def url(self) -> str:
        """The administrator's."""
        return self._server.admin_url()

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self.signal(signal.SIGCONT)
        self._server.stop()

    def crash(self) -> None:
        """SIGKILL for all of its processes, as when the machine loses its power."""
        self.signal(signal.SIGKILL)
        self._server.stop()

    def signal(self, number: signal.Signals) -> None:
        """Send all of its processes a signal."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill_backend(self, pid: int) -> None:
        """SIGKILL for the process of one connection, as when memory is short."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _pids(self) -> list[int]:
        """The postmaster, and then its children."""
        postmaster = self._server.pid
        if postmaster is None:
            return []
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
        pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
        return [postmaster, *(pid for pid, parent in pairs if parent == postmaster)]


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A fresh server while the block runs, in a directory that its account can reach."""
    directory = Path(tempfile.mkdtemp(prefix="phase-zero-faults-"))
    directory.chmod(0o755)
    server = OwnServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)
