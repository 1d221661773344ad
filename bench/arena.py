"""Where everything is measured: one PostgreSQL, the services as shipped, the contenders."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.machine import Processor, children, pin, unpin
from bench.seed import Size, seed
from infra.dev.configuration import ROOT
from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres
from infra.postgres.secrets_file import read_variables
from infra.postgres.urls import service_url
from shared_lib.testing.jwks_server import serve_issuer
from tests.cluster import Cluster, configured
from tests.logs import Log
from tests.system import PATIENCE, ServiceProcess, System, eventually, quiet_port

SERVER_SETTINGS = {**FAST_SETTINGS, "shared_buffers": "512MB", "max_wal_size": "8GB"}
# Counted as always, and never reached.
UNREACHED = {
    "RATE_LIMIT_PRINCIPAL": "1000000000/minute",
    "RATE_LIMIT_ORGANIZATION": "1000000000/minute",
    "RATE_LIMIT_ADDRESS": "1000000000/minute",
}
# Many at once by one person count as failures until they have succeeded.
UNREACHED_SIGN_INS = {
    f"IDENTITY_SIGN_IN_LIMIT_{by}": "1000000000/minute" for by in ("PAIR", "ADDRESS", "ACCOUNT")
}


@dataclass(frozen=True)
class Contender:
    """A running server that answers the three operations on popups."""

    name: str
    url: str
    pid: int
    log: Path


class Arena:
    """Starts what is measured, and ends it when the context is left.

    `cluster` is a server that is there already; without one, the arena has its own.
    """

    def __init__(self, cluster: Cluster | None = None) -> None:
        self._resources = ExitStack()
        self._server: EmbeddedPostgres | None = None
        self._cluster = cluster
        self.directory = Path(tempfile.mkdtemp(prefix="phase-zero-bench-"))
        self._resources.callback(shutil.rmtree, self.directory)

    def __enter__(self) -> Self:
        try:
            self._cluster = self._cluster or self._own_cluster()
            self.issuer = self._resources.enter_context(serve_issuer())
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def cluster(self) -> Cluster:
        """The server, with the databases that others are cloned from."""
        assert self._cluster is not None  # noqa: S101 - made when the context is entered
        return self._cluster

    def _own_cluster(self) -> Cluster:
        self._server = EmbeddedPostgres(settings=SERVER_SETTINGS)
        self._server.start()
        self._resources.callback(self._server.stop)
        return Cluster.prepare(self._server.admin_url(), self.directory)

    def backends(self) -> list[int]:
        """The processes that serve connections; none where the server is not the arena's own."""
        return children(self._server.pid) if self._server and self._server.pid else []

    @property
    def version(self) -> str:
        """PostgreSQL's."""
        return self._server.version if self._server else "of the tests"

    def unpin(self) -> None:
        """Let what is here, and what is started from now on, run on every processor."""
        own = (self._server.pid or 0) if self._server else 0
        for pid in (os.getpid(), own, *self.backends()):
            unpin(pid)

    def system(self) -> System:
        """Both services and their workers, as `make up` starts them, with the demo data."""
        directory = self.directory / "system"
        directory.mkdir()
        system = System(self.cluster, directory, **UNREACHED, **UNREACHED_SIGN_INS)
        self._resources.callback(system.close)
        return system.__enter__()

    def place(self, name: str, size: Size | None = None) -> "Place":
        """Databases of one's own, seeded with organizations and popups of `size`."""
        directory = self.directory / name
        directory.mkdir()
        names = self._resources.enter_context(self.cluster.clone(directory / "secrets.env"))
        if size is not None:
            seed(self.cluster, names["product"], size)
        return Place(self, name, directory, names["product"])

    def started(self, name: str, process: ServiceProcess) -> Contender:
        """What `process` is, once it has been launched; it is stopped at the end."""
        self._resources.callback(process.stop)
        pin(process.pid, Processor.SERVER)
        return Contender(name, process.url, process.pid, process.log.path)


@dataclass(frozen=True)
class Place:
    """A pair of databases and what is served from it."""

    arena: Arena
    name: str
    directory: Path
    database: str

    def core(self, name: str, **settings: str) -> Contender:
        """The core as it is shipped, with the tokens of the arena's issuer."""
        process = self._core(name)
        process.overrides = {**self._issuer(), **UNREACHED, **settings}
        process.up()
        return self.arena.started(name, process)

    def unprotected(self) -> Contender:
        """The core's handlers with neither token nor row level security."""
        process = self._core("unprotected")
        environment = {
            **process.configuration.service_environment(process.service),
            **self._issuer(),
            **UNREACHED,
            "BENCH_UNPROTECTED_URL": self._administrator(),
        }
        factory = ("--factory", "bench.contenders.unprotected:make")
        return self._serve(process, factory, environment, process.service.directory)

    def floor(self, name: str) -> Contender:
        """`by_hand` or `cached`; see the module."""
        process = self._core(name)
        public = self.arena.issuer.signing_key.private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        secrets = read_variables(self.directory / "secrets.env")
        environment = {
            **process.configuration.service_environment(process.service),
            "BENCH_FLOOR_URL": secrets["CORE_APP_DATABASE_URL"],
            "BENCH_FLOOR_ISSUER": self.arena.issuer.issuer,
            "BENCH_FLOOR_KEY": pem,
        }
        return self._serve(process, (f"bench.contenders.floor:{name}",), environment, ROOT)

    def _core(self, name: str) -> ServiceProcess:
        environ = {
            "DATA_DIR": str(self.directory),
            "CORE_PORT": str(quiet_port()),
            "IDENTITY_PORT": str(quiet_port()),
        }
        configuration = configured(environ)
        log = Log(self.directory / f"{name}.log")
        return ServiceProcess(configuration, configuration.core, log)

    def _issuer(self) -> dict[str, str]:
        issuer = self.arena.issuer.issuer
        return {"ISSUER": issuer, "JWKS_URL": f"{issuer}/.well-known/jwks.json"}

    def _administrator(self) -> str:
        url = self.arena.cluster.administrator_url.replace("postgresql:", "postgresql+asyncpg:")
        return service_url(url, self.database)

    def _serve(
        self,
        process: ServiceProcess,
        application: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
    ) -> Contender:
        """With the options that the core is served with."""
        command = [sys.executable, "-m", "uvicorn", *application, "--host", "127.0.0.1"]
        command += ["--port", str(process.service.port), "--no-access-log"]
        command += ["--no-server-header", "--no-proxy-headers"]
        environment = {**environment, "PYTHONPATH": str(ROOT)}
        process.start(process.log.path.stem, command, cwd=directory, env=environment)
        contender = self.arena.started(process.log.path.stem, process)
        eventually(f"{contender.name} answers\n{process.log.tail()}", lambda: _answers(contender))
        return contender


def _answers(contender: Contender) -> bool:
    try:
        httpx.get(f"{contender.url}/health/live", timeout=PATIENCE)
    except httpx.RemoteProtocolError:
        return True
    except httpx.TransportError:
        return False
    return True
