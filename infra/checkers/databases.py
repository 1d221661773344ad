"""Both databases, freshly migrated on a server of their own; nothing but the schema is in them."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from infra.checkers.programs import run_command
from infra.dev.configuration import BASICS, Configuration
from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres
from infra.postgres.bootstrap import bootstrap


@contextmanager
def migrated_databases() -> Iterator[Mapping[str, str]]:
    """The administrator's URLs of `identity` and `product`, prepared and migrated as by `make up`.

    Raises CheckerError, PostgresError or BootstrapError.
    """
    with (
        tempfile.TemporaryDirectory(prefix="phase-zero-checkers-") as directory,
        EmbeddedPostgres(settings=FAST_SETTINGS) as server,
    ):
        configuration = configured({"DATA_DIR": directory})
        asyncio.run(bootstrap(server.admin_url(), configuration.secrets_path))
        for service in (configuration.identity, configuration.core):
            run_command(
                [sys.executable, "-m", "alembic", "upgrade", "head"],
                cwd=service.directory,
                env=configuration.migration_environment(service),
            )
        yield {
            service.database: server.admin_url(service.database)
            for service in (configuration.identity, configuration.core)
        }


def configured(environ: Mapping[str, str]) -> Configuration:
    """The runner's configuration for this environment; a developer's own .env does not count."""
    basics = {name: os.environ[name] for name in BASICS if name in os.environ}
    return replace(Configuration.read({**basics, **environ}), dotenv={})


def services(root: Path | None = None) -> dict[str, Path]:
    """The directory of the service of each database."""
    configuration = configured({"DATA_DIR": str(root or Path())})
    return {
        service.database: service.directory
        for service in (configuration.identity, configuration.core)
    }
