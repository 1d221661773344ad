"""``make migrate``: both databases to their newest revision, with or without ``make up``."""

import os
import sys

from infra.dev.configuration import Configuration
from infra.dev.database import guarded, migrate, prepare, start_server
from infra.dev.postgres import PostgresInUseError
from infra.dev.runner import Runner
from infra.postgres.secrets_file import migration_name, read_variables


def run() -> None:
    """Migrate the databases of DATABASE_URL or of the embedded server."""
    configuration = Configuration.read(os.environ)
    with Runner() as runner:
        try:
            url = start_server(configuration, runner)
        except PostgresInUseError:
            runner.say("Using the PostgreSQL that already runs.")
            name = migration_name(configuration.core.database)
            url = read_variables(configuration.secrets_path)[name]
        prepare(configuration, runner, url)
        for service in (configuration.identity, configuration.core):
            migrate(configuration, runner, service)
        runner.say("Both databases are at their newest revision.")


if __name__ == "__main__":
    sys.exit(guarded("make migrate", run))
