"""A pytest plugin: one PostgreSQL per run, one template built by the migrations, one clone per use.

The server starts with the run, in the process that starts it; workers of xdist reach it by the
environment. `phasezero_database` in the pytest configuration names the database whose migrations
(in the directory under test) build the template. POSTGRES_BIN chooses other binaries.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

_HANDED_ON = "PHASEZERO_TEST_CLUSTER"


@dataclass(frozen=True)
class Cluster:
    """The server of the run, and the password of each role."""

    administrator_url: str
    passwords: dict[str, str]
    template: str

    def admin_url(self, database: str) -> str:
        """The administrator's URL of `database`, for asyncpg."""
        return f"{self.administrator_url.rpartition('/')[0]}/{database}"

    def url(self, database: str, role: str) -> str:
        """The URL of `database` for a service that connects as `role`."""
        place = self.administrator_url.rpartition("@")[2].rpartition("/")[0]
        return f"postgresql+asyncpg://{role}:{self.passwords[role]}@{place}/{database}"

    @asynccontextmanager
    async def clone(self) -> AsyncIterator[str]:
        """A database of one's own, made from the template; yields its name."""
        from infra.postgres.bootstrap import secure_database  # noqa: PLC0415 - not for installs

        name = f"test_{uuid4().hex[:16]}"
        async with self._administrator("postgres") as admin:
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        try:
            # Privileges of the database itself are not copied from the template.
            async with self._administrator(name) as admin:
                await secure_database(admin, _prefix(self.template))
            yield name
        finally:
            async with self._administrator("postgres") as admin:
                await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def _administrator(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.admin_url(database))
        try:
            yield connection
        finally:
            await connection.close()


def _prefix(template: str) -> str:
    return template.removeprefix("template_")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the setting that this plugin reads."""
    parser.addini("phasezero_database", "whose migrations build the template", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that starts the run; workers find it in the environment."""
    config.addinivalue_line("markers", "database: needs PostgreSQL")
    if hasattr(config, "workerinput") or _HANDED_ON in os.environ or config.option.collectonly:
        return
    resources = ExitStack()
    config.add_cleanup(resources.close)
    config.add_cleanup(_forget)
    database = config.getini("phasezero_database")
    cluster = resources.enter_context(start_cluster(Path(config.rootpath), database))
    handed_on = {
        "url": cluster.administrator_url,
        "passwords": cluster.passwords,
        "template": cluster.template,
    }
    os.environ[_HANDED_ON] = json.dumps(handed_on)


@contextmanager
def start_cluster(directory: Path, database: str) -> Iterator[Cluster]:
    """A server of one's own. Its template is built by the migrations of the service in `directory`
    for `database`; with an empty name there is none. Raises UsageError when they fail.
    """
    from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres  # noqa: PLC0415 - see above

    with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
        passwords = asyncio.run(_prepare(server.admin_url(), database))
        template = f"template_{database}" if database else "template0"
        if database:
            _migrate(directory, server.admin_url(template), database)
        yield Cluster(server.admin_url(), passwords, template)


def _forget() -> None:
    os.environ.pop(_HANDED_ON, None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reaches the server, by whatever fixture, before `-m` selects."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("database")


async def _prepare(administrator_url: str, database: str) -> dict[str, str]:
    from infra.postgres.bootstrap import create_roles, secure_database  # noqa: PLC0415
    from infra.postgres.secrets_file import passwords  # noqa: PLC0415

    made = passwords({})
    admin = await asyncpg.connect(administrator_url)
    await create_roles(admin, made)
    if database:
        await admin.execute(f"CREATE DATABASE template_{database}")
    await admin.close()
    if database:
        url = f"{administrator_url.rpartition('/')[0]}/template_{database}"
        admin = await asyncpg.connect(url)
        await secure_database(admin, database)
        await admin.close()
    return made


def _migrate(directory: Path, administrator_url: str, database: str) -> None:
    environment = {
        **os.environ,
        "MIGRATION_DATABASE_URL": administrator_url.replace("postgresql:", "postgresql+asyncpg:"),
        "MIGRATION_ROLE": f"{database}_owner",
    }
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    result = subprocess.run(  # noqa: S603 - our own migrations
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise pytest.UsageError(f"the migrations failed:\n{result.stdout}{result.stderr}")


def running_cluster() -> Cluster:
    """The server that this run has started. Raises KeyError when it started none."""
    handed_on: dict[str, Any] = json.loads(os.environ[_HANDED_ON])
    return Cluster(handed_on["url"], handed_on["passwords"], handed_on["template"])


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The PostgreSQL of the run."""
    return running_cluster()


@pytest.fixture(scope="session")
async def database_name(cluster: Cluster) -> AsyncIterator[str]:
    """A migrated database for this process. Tests make organizations of their own in it."""
    async with cluster.clone() as name:
        yield name


@pytest.fixture(scope="session")
def postgres_url(cluster: Cluster) -> Iterator[str]:
    """An empty database for this process and its owner's URL, for asyncpg."""
    name = f"empty_{uuid4().hex[:16]}"

    async def administer(statement: str) -> None:
        admin = await asyncpg.connect(cluster.administrator_url)
        await admin.execute(statement)
        await admin.close()

    asyncio.run(administer(f"CREATE DATABASE {name}"))
    yield cluster.admin_url(name)
    asyncio.run(administer(f"DROP DATABASE {name} WITH (FORCE)"))
