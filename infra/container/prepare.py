"""Prepares what the services need before they start: databases, roles, revisions, secrets.

``python -m infra.container.prepare`` waits for PostgreSQL, may be repeated, and ends with 0 when
everything is ready. A service's secrets are written last: who waits for them waits for all of it.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

import asyncpg

from infra.postgres.bootstrap import BootstrapError, bootstrap
from infra.postgres.roles import owner
from infra.postgres.secrets_file import PREFIXES, migration_name, read_variables, write_variables
from infra.postgres.urls import UrlError

ROOT = Path(__file__).resolve().parents[2]
DATA = Path("/var/lib/phase-zero")
SECRETS_FILE = "secrets.env"
REVISIONS_FILE = "revisions"
DIRECTORIES = {"identity": "identity-service", "product": "product-core-api"}
"""Database: directory of its service, in the order of migrating."""

WAIT_SECONDS = 300.0
STEP_SECONDS = 0.5
DEVELOPMENT = "development"
STARTING = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)
"""What a server says that is not there yet; everything else is no matter of time."""


class PreparationError(Exception):
    """The services cannot be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is prepared, and where its secrets lie: all in `secrets`, a service's in `data`."""

    environment: str
    administrator_url: str | None
    password_file: Path
    host: str
    data: Path
    root: Path
    wait_seconds: float

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; DATABASE_URL is the administrator's, empty for our own server."""
        data = Path(environ.get("DATA_DIR") or DATA)
        return cls(
            environment=environ.get("ENVIRONMENT") or "production",
            administrator_url=environ.get("DATABASE_URL") or None,
            password_file=data / "administrator" / "password",
            host=environ.get("POSTGRES_HOST") or "postgres",
            data=data,
            root=ROOT,
            wait_seconds=float(environ.get("WAIT_SECONDS") or WAIT_SECONDS),
        )

    @property
    def secrets_path(self) -> Path:
        """Everything that was generated; only this program is given it."""
        return self.data / "secrets" / SECRETS_FILE

    def service_path(self, database: str) -> Path:
        """What the service of `database` is given."""
        return self.data / PREFIXES[database].lower() / SECRETS_FILE

    def run(self) -> None:
        """Prepare everything. Raises PreparationError, BootstrapError, UrlError, OSError."""
        deadline = time.monotonic() + self.wait_seconds
        url = self._administrator(deadline)
        _say("Preparing databases and roles, once PostgreSQL answers …")
        for warning in asyncio.run(_bootstrap(url, self.secrets_path, deadline)):
            _say(f"Warning: {warning}")
        for database in DIRECTORIES:
            _say(f"Migrating the database {database} …")
            self._complete(database, "alembic", "upgrade", "head")
        if self.environment == DEVELOPMENT:
            for database in reversed(DIRECTORIES):  # memberships point at organizations
                _say(f"Loading demo data into {database} …")
                self._complete(database, "app.demo")
        else:
            self._require_no_demo()
        self._hand_out()
        _say("Everything is ready.")

    def _administrator(self, deadline: float) -> str:
        if self.administrator_url:
            return self.administrator_url
        while not (self.password_file.exists() and self.password_file.read_text().strip()):
            if time.monotonic() > deadline:
                raise PreparationError(f"There is no {self.password_file}.")
            time.sleep(STEP_SECONDS)
        password = quote(self.password_file.read_text().strip(), safe="")
        return f"postgresql://postgres:{password}@{self.host}:5432/postgres"

    def _require_no_demo(self) -> None:
        """Development may have left its accounts: then no service gets, or keeps, its secrets."""
        try:
            self._complete("identity", "app.demo", "--none")
        except PreparationError as error:
            for database in DIRECTORIES:
                self.service_path(database).unlink(missing_ok=True)
            raise PreparationError(
                f"ENVIRONMENT={self.environment} does not run on databases with demo accounts."
            ) from error

    def _complete(self, database: str, *module: str) -> None:
        result = subprocess.run(  # noqa: S603 - our own programs
            [sys.executable, "-m", *module],
            cwd=self.root / DIRECTORIES[database],
            env={
                "PATH": os.defpath,
                "ENVIRONMENT": self.environment,
                "MIGRATION_DATABASE_URL": read_variables(self.secrets_path)[
                    migration_name(database)
                ],
                "MIGRATION_ROLE": owner(database),
            },
            check=False,
        )
        if result.returncode:
            raise PreparationError(f"{' '.join(module)} failed for the database {database}.")

    def _hand_out(self) -> None:
        """Give each service its own variables (0600) and the names of the applied revisions.

        ``with-secrets`` waits for both; the names come last.
        """
        variables = read_variables(self.secrets_path)
        for database, directory in DIRECTORIES.items():
            prefix, target = f"{PREFIXES[database]}_", self.service_path(database)
            own = {name: value for name, value in variables.items() if name.startswith(prefix)}
            write_variables(target, own)
            applied = sorted((self.root / directory / "migrations" / "versions").glob("*.py"))
            scratch = target.with_name(".revisions")
            scratch.write_text("".join(f"{path.name}\n" for path in applied))
            scratch.replace(target.with_name(REVISIONS_FILE))


async def _bootstrap(url: str, secrets_path: Path, deadline: float) -> list[str]:
    """Bootstrap, as often as it takes until the server can be reached."""
    while True:
        try:
            return await bootstrap(url, secrets_path)
        except BootstrapError as error:
            if not isinstance(error.__cause__, STARTING) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(STEP_SECONDS)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Prepare what the environment says; the exit status."""
    try:
        Preparation.read(os.environ).run()
    except (PreparationError, BootstrapError, UrlError, OSError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"migrations: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
