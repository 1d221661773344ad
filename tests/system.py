"""A system under test: both services as `make up` starts them, with databases of their own."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg
import httpx
from typing_extensions import override

from infra.dev.configuration import Configuration, Service
from infra.dev.ports import PortTakenError, require_free
from infra.dev.processes import end, spawn
from infra.dev.runner import GRACE, Runner
from infra.dev.up import serve, work
from infra.postgres.secrets_file import read_variables
from tests.cluster import Cluster, configured
from tests.logs import Log

PATIENCE = 60.0
"""Seconds until something that must happen counts as never happening."""

# Below those that the system gives to outgoing connections: a service's port stays free while
# the service is down. Up to four workers of a run draw each from its own.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4
_SLICE = range(20_000 + 3_000 * _WORKER, 23_000 + 3_000 * _WORKER)
_PORTS = iter(random.sample(_SLICE, len(_SLICE)))

T = TypeVar("T")


def eventually(what: str, probe: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """The first truthy answer of `probe`."""
    deadline = time.monotonic() + patience
    while not (found := probe()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.05)
    return found


def quiet_port() -> int:
    """A port that nobody listens on and nobody is given by chance; another one at each call."""
    for port in _PORTS:
        with suppress(PortTakenError):
            require_free("a test", port)
            return port
    raise AssertionError("every port was handed out")


class Process(Runner):
    """A service or a worker. `infra.dev.up` says what its command and environment are."""

    def __init__(self, configuration: Configuration, service: Service, log: Log) -> None:
        super().__init__()
        self.configuration = configuration
        self.service = service
        self.log = log
        self.overrides: dict[str, str] = {}
        """Variables that replace what `make up` would give it."""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None

    @property
    def pid(self) -> int:
        """Of a process that runs."""
        assert self.process is not None
        return self.process.pid

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it in an orderly way."""
        if self.process:
            end(self.process, signal.SIGTERM, GRACE)
            self.process = None

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.stop()

    @override
    def say(self, text: str, name: str = "") -> None:
        return

    @override
    def start(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        assert self.process is None
        with self.log.path.open("ab") as output:
            self.process = spawn(command, cwd=cwd, env={**env, **self.overrides}, output=output)


class WorkerProcess(Process):
    """The worker of a service."""

    @override
    def launch(self) -> None:
        work(self.configuration, self, self.service)

    def up(self) -> None:
        """Start it; its first jobs show when it is there."""
        self.launch()


class ServiceProcess(Process):
    """A service."""

    @property
    def url(self) -> str:
        return self.service.url

    @override
    def launch(self) -> None:
        serve(self.configuration, self, self.service)

    def up(self) -> None:
        """Start it, and wait until it is ready to serve."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        eventually(f"{self.service.name} is ready\n{self.log.tail()}", self._is_ready)

    def refuse_to_start(self) -> int:
        """Start it, and wait until it has given up; its exit status."""
        self.launch()
        assert self.process is not None
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.tail()
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=PATIENCE).is_success
        except httpx.TransportError:
            return False


class System:
    """Both services and their workers. `settings` are environment variables for them."""

    def __init__(self, cluster: Cluster, directory: Path, **settings: str) -> None:
        self._resources = ExitStack()
        self._cluster = cluster
        secrets = directory / "secrets.env"
        self._databases = self._resources.enter_context(cluster.clone(secrets))
        self.environ = {
            "DATA_DIR": str(directory),
            "CORE_PORT": str(quiet_port()),
            "CORE_METRICS_PORT": str(quiet_port()),
            "IDENTITY_PORT": str(quiet_port()),
            "IDENTITY_METRICS_PORT": str(quiet_port()),
            **settings,
        }
        self.configuration = configured(self.environ)
        self.identity = ServiceProcess(
            self.configuration, self.configuration.identity, Log(directory / "identity.log")
        )
        self.core = ServiceProcess(
            self.configuration, self.configuration.core, Log(directory / "core.log")
        )
        self.identity_worker = WorkerProcess(
            self.configuration,
            self.configuration.identity,
            Log(directory / "identity-worker.log"),
        )
        self.core_worker = WorkerProcess(
            self.configuration, self.configuration.core, Log(directory / "core-worker.log")
        )
        self.client = self._resources.enter_context(httpx.Client(timeout=PATIENCE))
        self.secrets = secrets_in(read_variables(secrets))
        """What must stand in no log; tests add the tokens that they get."""

    @property
    def processes(self) -> tuple[ServiceProcess | WorkerProcess, ...]:
        """In the order in which they start."""
        return (self.identity, self.core, self.identity_worker, self.core_worker)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.check_logs()

    def restart(self, **overrides: str) -> None:
        """Stop everything, and start it with these variables replaced."""
        self._stop()
        for process in self.processes:
            process.overrides = overrides
        self._start()

    def repair(self) -> None:
        """Start again what a test has stopped or changed."""
        if any(not process.is_running or process.overrides for process in self.processes):
            self.restart()

    def close(self) -> None:
        """End everything and remove the databases."""
        self._stop()
        self._resources.close()

    def check_logs(self) -> None:
        """Neither secrets nor tracebacks in what the processes wrote."""
        for process in self.processes:
            assert process.log.leaks(self.secrets) == [], process.log.path
            assert process.log.tracebacks() == [], process.log.path

    def _start(self) -> None:
        for process in self.processes:
            process.up()

    def _stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def sql(self, database: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run one statement in `identity` or `product`, as the administrator."""
        return self._cluster.sql(self._databases[database], statement, *arguments)

    def administrator_of(self, database: str) -> tuple[str, str]:
        """The administrator's URL, and the name of `identity` or `product` of this system."""
        return self._cluster.administrator_url, self._databases[database]

    def environment(self, service: ServiceProcess) -> dict[str, str]:
        """What `service` is started with."""
        return self.configuration.service_environment(service.service)


def secrets_in(variables: Mapping[str, str]) -> set[str]:
    """What is secret in a file of secrets: of the URLs, their passwords."""
    passwords = {
        httpx.URL(value).password for name, value in variables.items() if name.endswith("_URL")
    }
    others = {value for name, value in variables.items() if not name.endswith("_URL")}
    return passwords | others
