"""A Redis of a test's own, which it may stop and start."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared_lib.testing.ports import reserved_port
from shared_lib.testing.programs import required_program

_PATIENCE = 30.0


@dataclass
class RedisServer:
    """A real redis-server at a port of 127.0.0.1 that keeps nothing on disk."""

    port: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers. Raises TimeoutError."""
        program = required_program("redis-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(  # noqa: S603  a program of the operating system
            [program, *options, "--appendonly", "no"], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError("redis-server does not answer")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running server; skips the test where redis-server is missing."""
    with reserved_port() as port:
        server = RedisServer(port)
        server.start()
        try:
            yield server
        finally:
            server.stop()
