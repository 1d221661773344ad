"""The PostgreSQL of the run: prepared, migrated and loaded once, cloned for each system."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from infra.dev.configuration import Configuration, Service
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
        runner = _Commands(configuration)
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
            drops = (f"DROP DATABASE {name} WITH (FORCE)" for name in names.values())
            for drop in drops:
                self.sql("postgres", drop)

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


class _Commands(Runner):
    """Runs what `make up` runs before the services start; shows its output when it fails."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        self._configuration = configuration

    def say(self, text: str, name: str = "") -> None:  # type: ignore[explicit-override]
        del text, name

    def complete(self, name: str, command: Any, *, cwd: Path, env: Any) -> None:  # type: ignore[explicit-override]
        subprocess.run(command, cwd=cwd, env=env, check=True)
