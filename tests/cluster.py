"""The PostgreSQL of the run: prepared, migrated and loaded once, cloned for each system."""

import asyncio
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from typing_extensions import override

from infra.dev.configuration import BASICS, Configuration
from infra.dev.database import load_demo, migrate
from infra.dev.runner import Runner
from infra.postgres.bootstrap import bootstrap, secure_database
from infra.postgres.secrets_file import PREFIXES, read_variables, write_variables
from infra.postgres.urls import driver_url, service_url


@dataclass(frozen=True)
class Cluster:
    """A server whose databases `identity` and `product` hold the demo data and nothing else."""

    administrator_url: str
    secrets: Path

    @classmethod
    def prepare(cls, administrator_url: str, directory: Path) -> "Cluster":
        """Make the databases of a fresh server as `make up` does, by the same code."""
        configuration = configured({"DATA_DIR": str(directory)})
        asyncio.run(bootstrap(administrator_url, configuration.secrets_path))
        runner = _Commands()
        for service in (configuration.identity, configuration.core):
            migrate(configuration, runner, service)
            load_demo(configuration, runner, service)
        return cls(administrator_url, configuration.secrets_path)

    @contextmanager
    def clone(self, secrets: Path) -> Iterator[dict[str, str]]:
        """Databases of one's own, whose URLs are written to `secrets`; the names of both."""
        names = {database: f"{database}_{uuid4().hex[:12]}" for database in PREFIXES}
        variables = read_variables(self.secrets)
        for variable, value in variables.items():
            if variable.endswith("_DATABASE_URL"):
                variables[variable] = service_url(value, names[_database_of(variable)])
        write_variables(secrets, variables)
        asyncio.run(self._clone(names))
        try:
            yield names
        finally:
            for name in names.values():
                self.sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def sql(self, database: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run one statement as the administrator."""
        return asyncio.run(self._sql(database, statement, *arguments))

    async def _clone(self, names: dict[str, str]) -> None:
        for template, name in names.items():
            await self._sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
            admin = await asyncpg.connect(driver_url(self.administrator_url, name))
            # Privileges of the database itself are not copied from the template.
            await secure_database(admin, template)
            await admin.close()

    async def _sql(self, database: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        admin = await asyncpg.connect(driver_url(self.administrator_url, database))
        try:
            rows: list[asyncpg.Record] = await admin.fetch(statement, *arguments)
        finally:
            await admin.close()
        return rows


def configured(environ: Mapping[str, str]) -> Configuration:
    """The runner's configuration for this environment; a developer's own .env does not count."""
    basics = {name: os.environ[name] for name in BASICS if name in os.environ}
    return replace(Configuration.read({**basics, **environ}), dotenv={})


class _Commands(Runner):
    """Runs what `make up` runs before the services start, without a word."""

    @override
    def say(self, text: str, name: str = "") -> None:
        return

    @override
    def complete(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        result = subprocess.run(  # noqa: S603 - the runner's own commands
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{name}: {result.stdout}{result.stderr}"


def _database_of(variable: str) -> str:
    return next(
        database
        for database, prefix in PREFIXES.items()
        if variable.startswith((f"{prefix}_", f"MIGRATION_{database.upper()}_"))
    )
