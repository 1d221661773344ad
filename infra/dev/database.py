"""The databases of a development machine: server, preparation, migrations, demo data."""

import asyncio
import sys
from collections.abc import Callable

import asyncpg

from infra.dev.configuration import Configuration, ConfigurationError, Service
from infra.dev.ports import PortTakenError
from infra.dev.postgres import EmbeddedPostgres, PostgresError
from infra.dev.runner import Interrupted, Runner, RunnerError
from infra.postgres.bootstrap import BootstrapError, bootstrap
from infra.postgres.urls import UrlError

FAILURES = (
    asyncpg.PostgresError,
    BootstrapError,
    ConfigurationError,
    OSError,
    PortTakenError,
    PostgresError,
    RunnerError,
    UrlError,
)
"""What a person is told in one line, without a traceback."""


def start_server(configuration: Configuration, runner: Runner) -> str:
    """The administrator's URL: DATABASE_URL, else that of the embedded server, now started.

    The runner stops it after everything else. Raises PostgresInUseError when it already runs.
    """
    if configuration.database_url:
        runner.say("Using the PostgreSQL of DATABASE_URL.")
        return configuration.database_url
    wanted = configuration.data / "postgres"
    server = EmbeddedPostgres(wanted, port=configuration.postgres_port)
    runner.say("Starting PostgreSQL …")
    server.start()
    runner.hold("PostgreSQL", server.stop)
    runner.watch(f"PostgreSQL (see {server.log})", lambda: server.pid is not None)
    runner.say(f"PostgreSQL {server.version} listens on 127.0.0.1:{server.port}.")
    if server.directory != wanted:
        runner.say(
            f"Its data lie in {server.directory}: PostgreSQL does not run as root, and the "
            f"account that it runs as cannot enter {wanted.parent}."
        )
    return server.admin_url()


def prepare(configuration: Configuration, runner: Runner, administrator_url: str) -> None:
    """Databases, roles and the file of secrets."""
    runner.say("Preparing databases and roles …")
    for warning in asyncio.run(bootstrap(administrator_url, configuration.secrets_path)):
        runner.say(f"Warning: {warning}")
    runner.check()


def migrate(configuration: Configuration, runner: Runner, service: Service) -> None:
    """Bring the service's database to its newest revision. Raises RunnerError."""
    runner.say(f"Migrating the database {service.database} …")
    try:
        _complete(configuration, runner, service, ["alembic", "upgrade", "head"])
    except RunnerError as error:
        raise RunnerError(
            f"{error} Was the database migrated by another branch? Removing {configuration.data} "
            "starts anew."
        ) from error


def load_demo(configuration: Configuration, runner: Runner, service: Service) -> None:
    """Load the service's demo data. Raises RunnerError."""
    runner.say(f"Loading demo data into {service.database} …")
    _complete(configuration, runner, service, ["app.demo"])


def guarded(name: str, work: Callable[[], None]) -> int:
    """Exit status of `work`; what went wrong is said in one line."""
    try:
        work()
    except Interrupted:
        sys.stdout.write("Stopped.\n")
    except FAILURES as error:
        sys.stdout.flush()
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


def _complete(
    configuration: Configuration, runner: Runner, service: Service, module: list[str]
) -> None:
    runner.complete(
        service.name,
        [sys.executable, "-m", *module],
        cwd=service.directory,
        env=configuration.migration_environment(service),
    )
