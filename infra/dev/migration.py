"""``make migration``: a new migration, with the policies and grants of its tables written out.

What is new is found by comparison with a throw-away database that the migrations so far have made.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg

from infra.dev.configuration import Configuration, ConfigurationError, Service
from infra.dev.database import guarded
from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres
from infra.dev.runner import RunnerError
from infra.postgres import roles
from infra.postgres.bootstrap import create_roles, secure_database
from infra.postgres.secrets_file import passwords
from infra.postgres.urls import service_url

_NAME = re.compile("[a-z][a-z0-9_]{2,40}")


def run(directory: str, name: str) -> None:
    """Write ``<directory>/migrations/versions/<date>_<name>.py``."""
    configuration = Configuration.read(os.environ)
    services = {each.directory.name: each for each in (configuration.identity, configuration.core)}
    if directory not in services or not _NAME.fullmatch(name):
        known = " or ".join(sorted(services))
        raise ConfigurationError(f"Say SERVICE={known} and NAME=what_it_does.")
    service = services[directory]
    revision = f"{datetime.now(UTC):%Y_%m_%d}_{name}"
    file = service.directory / "migrations" / "versions" / f"{revision}.py"
    if file.exists():
        raise ConfigurationError(f"{file.name} exists: complete it, or delete it first.")
    try:
        _write(service, revision, name)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    if "op." not in file.read_text():
        file.unlink()
        raise ConfigurationError("The declared tables are those of the migrations: nothing to do.")
    sys.stdout.write(f"Read and complete it: {directory}/migrations/versions/{file.name}\n")


def _write(service: Service, revision: str, name: str) -> None:
    with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
        asyncio.run(_prepare(server, service.database))
        environment = {
            **os.environ,
            "MIGRATION_DATABASE_URL": service_url(server.admin_url(), service.database),
            "MIGRATION_ROLE": roles.owner(service.database),
        }
        _alembic(service, environment, "upgrade", "head")
        revise = ("revision", "--autogenerate", "-m", name, "--rev-id", revision)
        _alembic(service, environment, *revise)


async def _prepare(server: EmbeddedPostgres, database: str) -> None:
    admin = await asyncpg.connect(server.admin_url())
    await create_roles(admin, passwords({}))
    await admin.execute(f"CREATE DATABASE {roles.identifier(database)}")
    await admin.close()
    admin = await asyncpg.connect(server.admin_url(database))
    await secure_database(admin, database)
    await admin.close()


def _alembic(service: Service, environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "alembic", *arguments]
    result = subprocess.run(  # noqa: S603 - Alembic on our own migrations
        command,
        cwd=service.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise RunnerError(f"alembic {arguments[0]} failed:\n{result.stdout}")


if __name__ == "__main__":
    sys.exit(guarded("make migration", lambda: run(*sys.argv[1:3])))
