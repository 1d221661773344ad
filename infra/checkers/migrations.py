"""The SQL of every migration, as Alembic writes it without a database."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.checkers.programs import CheckerError, run_command
from infra.postgres import roles

_REVISION = re.compile(r"^-- Running upgrade .*-> (\S+)$", re.MULTILINE)
_NEXT_TRANSACTION = re.compile(r"\bBEGIN;\s*\Z")


@dataclass(frozen=True, slots=True)
class Migration:
    """One revision of one database, with what the session sets before it."""

    database: str
    revision: str
    sql: str

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.database}/{self.revision}"


def migrations_of(database: str, directory: Path) -> list[Migration]:
    """Every revision of the service in `directory`, oldest first. Raises CheckerError."""
    outcome = run_command(
        [sys.executable, "-m", "alembic", "upgrade", "base:head", "--sql"],
        cwd=directory,
        env={"MIGRATION_ROLE": roles.owner(database)},
    )
    migrations = split(database, outcome.output)
    files = len(list((directory / "migrations" / "versions").glob("*.py")))
    if len(migrations) != files:
        raise CheckerError(f"{database}: Alembic wrote {len(migrations)} of {files} migrations")
    return migrations


def split(database: str, sql: str) -> list[Migration]:
    """The migrations in what ``alembic upgrade --sql`` wrote."""
    before, *parts = _REVISION.split(sql)
    settings = before.partition("BEGIN;")[0]
    return [
        Migration(database, revision, f"{settings}BEGIN;\n{_NEXT_TRANSACTION.sub('', body)}")
        for revision, body in zip(parts[::2], parts[1::2], strict=True)
    ]
