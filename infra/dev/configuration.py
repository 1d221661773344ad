"""What the runner is told, and which variables each process of it is given.

Values come from the runner's environment, else from ``.env``, else from the defaults here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from infra.postgres.roles import owner
from infra.postgres.secrets_file import PREFIXES, migration_name, read_variables
from shared_lib.mail import MailSettings
from shared_lib.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
RUNNER = frozenset({
    "CORE_PORT", "DATABASE_URL", "DATA_DIR", "IDENTITY_PORT", "POSTGRES_BIN", "POSTGRES_PORT",
    "RELOAD",
})  # fmt: skip
"""The runner's own names, given to no process."""

COMMON = {
    name.upper() for shared in (ServiceSettings, MailSettings) for name in shared.model_fields
} | {"PASSWORD_SIGN_IN", "REQUIRE_AUTH"}
"""Settings taken from the runner's environment without a prefix; ``.env`` may have more."""

BASICS = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
SECRETS_FILE = "secrets.env"


class ConfigurationError(Exception):
    """A value that the runner cannot use; the message names it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of the two services: a directory with the package ``app``, and its database."""

    name: str
    database: str
    port: int
    metrics_port: int
    directory: Path

    @property
    def worker(self) -> str:
        """The name of its worker."""
        return f"{self.name}-worker"

    @property
    def prefix(self) -> str:
        """Start of the names that only this service is given."""
        return f"{PREFIXES[self.database]}_"

    @property
    def url(self) -> str:
        """How the other service reaches it."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The runner's configuration; `environ` and `dotenv` are kept for the processes."""

    environ: Mapping[str, str]
    dotenv: Mapping[str, str]
    data: Path
    identity: Service
    core: Service
    postgres_port: int
    database_url: str | None
    reload: bool

    @classmethod
    def read(cls, environ: Mapping[str, str], root: Path = ROOT) -> Self:
        """Read environment and ``.env``. Raises ConfigurationError."""
        try:
            dotenv = read_variables(root / ".env")
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        given = {**dotenv, **environ}
        if given.get("ENVIRONMENT", "development") != "development":
            # Its accounts have public passwords.
            raise ConfigurationError("This runs a development system: ENVIRONMENT says otherwise.")
        return cls(
            environ=environ,
            dotenv=dotenv,
            data=root / (given.get("DATA_DIR") or ".data"),
            identity=Service(
                "identity",
                "identity",
                _port(given, "IDENTITY_PORT", 8001),
                _port(given, "IDENTITY_METRICS_PORT", 9001),
                root / "identity-service",
            ),
            core=Service(
                "core",
                "product",
                _port(given, "CORE_PORT", 8000),
                _port(given, "CORE_METRICS_PORT", 9000),
                root / "product-core-api",
            ),
            postgres_port=_port(given, "POSTGRES_PORT", 5433),
            database_url=given.get("DATABASE_URL") or None,
            reload=given.get("RELOAD", "") not in {"", "0"},
        )

    @property
    def secrets_path(self) -> Path:
        """The file of generated secrets and URLs."""
        return self.data / SECRETS_FILE

    def service_environment(self, service: Service) -> dict[str, str]:
        """What a service is given: basics, shared settings, and its own prefixed values."""
        shared = self._shared(service)
        given = {**self.dotenv, **self.environ}
        return {
            **self._basics(),
            **{
                name: value
                for name, value in given.items()
                if self._is_common(name) and (name in self.dotenv or name in COMMON)
            },
            **{name: given.get(name, value) for name, value in shared.items()},
            **{
                name: value
                for name, value in {**read_variables(self.secrets_path), **given}.items()
                if name.startswith(service.prefix) and name not in _REACH | RUNNER
            },
            "ENVIRONMENT": "development",
        }

    def worker_environment(self, service: Service) -> dict[str, str]:
        """What the worker of a service is given: what the service is, and where its metrics are."""
        environment = self.service_environment(service)
        return {f"{service.prefix}METRICS_PORT": str(service.metrics_port), **environment}

    def migration_environment(self, service: Service) -> dict[str, str]:
        """What migrations and the demo loader are given: the administrator's access."""
        secrets = read_variables(self.secrets_path)
        return {
            **self._basics(),
            "ENVIRONMENT": "development",
            "MIGRATION_DATABASE_URL": secrets[migration_name(service.database)],
            "MIGRATION_ROLE": owner(service.database),
        }

    def _basics(self) -> dict[str, str]:
        found = {name: self.environ[name] for name in BASICS if name in self.environ}
        return {**found, "PYTHONUNBUFFERED": "1"}

    def _shared(self, service: Service) -> dict[str, str]:
        shared = {
            "ISSUER": f"http://localhost:{self.identity.port}",
            "ALLOWED_ORIGINS": "http://localhost:3000",
            "MAIL_DIRECTORY": str(self.data / "mail"),
        }
        if service is self.identity:
            return {**shared, "CORE_URL": self.core.url}
        return {
            **shared,
            "IDENTITY_URL": self.identity.url,
            "JWKS_URL": f"{self.identity.url}/.well-known/jwks.json",
        }

    def _is_common(self, name: str) -> bool:
        """Whether a variable belongs to no single process."""
        prefixes = (self.identity.prefix, self.core.prefix, "MIGRATION_")
        return not name.startswith(prefixes) and name not in _REACH | RUNNER


_REACH = frozenset({"CORE_URL", "IDENTITY_URL", "JWKS_URL"})
"""Where a service finds the other one: given to the one that asks, whatever the prefix says."""


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**16:
        raise ConfigurationError(f"{name}={text} is not a port.")
    return int(text)
