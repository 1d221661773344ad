"""Statements by which a migration changes who reaches which rows, and the list that expects them.

The lists lie in ``policies/<database>.sql``. ``python -m infra.checkers.policy_changes`` writes
them anew, for a reviewer to read as what they are.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

from infra.checkers.databases import services
from infra.checkers.migrations import Migration, migrations_of

POLICIES: Final = Path(__file__).with_name("policies")

# What may hold a semicolon without ending a statement, and comments.
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|'(?:[^']|'')*'|"[^"]*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?P<end>;)|.""",
    re.DOTALL,
)
_CHANGES = re.compile(
    r"""(CREATE|ALTER|DROP)\ POLICY\b
    | (GRANT|REVOKE|DO|REASSIGN|DROP\ OWNED)\b
    | ALTER\ TABLE\ .*\b(ENABLE|DISABLE|FORCE)\ ROW\ LEVEL\ SECURITY\b
    | ALTER\ DEFAULT\ PRIVILEGES\b
    | ALTER\ .*\bOWNER\ TO\b
    | (CREATE|ALTER|DROP)\ (ROLE|USER|GROUP)\b
    | (CREATE|ALTER)\ .*\bSECURITY\ DEFINER\b""",
    re.IGNORECASE | re.VERBOSE,
)
_BODY = re.compile(r"\$(\w*)\$.*\$\1\$")


def policy_changes(sql: str) -> list[str]:
    """The statements that change policies, row level security, grants, owners or roles, in order.

    Each is one line. Functions that run as their owner count, without their bodies; so does a DO
    block, which may do anything.
    """
    return [
        _BODY.sub("$…$", statement) if not statement.upper().startswith("DO") else statement
        for statement in statements(sql)
        if _CHANGES.match(statement)
    ]


def statements(sql: str) -> Iterator[str]:
    """The statements of a script, without comments, each with single spaces."""
    kept: list[str] = []
    for token in _TOKEN.finditer(sql):
        if token["end"]:
            yield " ".join("".join(kept).split())
            kept = []
        elif not token["comment"]:
            kept.append(token[0])


def listed(migrations: Iterable[Migration]) -> str:
    """What the list of a database says when it is up to date."""
    sections = []
    for migration in migrations:
        changes = [f"{change};\n" for change in policy_changes(migration.sql)]
        sections.append(f"-- {migration.revision}\n{''.join(changes)}")
    return "\n".join(sections)


def unlisted(
    database: str, migrations: Iterable[Migration], directory: Path = POLICIES
) -> list[str]:
    """Statements that the list does not expect (`+`), or that are not there (`-`)."""
    path = directory / f"{database}.sql"
    expected = path.read_text() if path.exists() else ""
    lines = unified_diff(expected.splitlines(), listed(migrations).splitlines(), n=0, lineterm="")
    return [line for line in list(lines)[2:] if not line.startswith("@@")]


def main() -> None:
    """Write the lists of both databases."""
    for database, directory in services().items():
        path = POLICIES / f"{database}.sql"
        path.write_text(listed(migrations_of(database, directory)))
        sys.stdout.write(f"Read what it says now: git diff {path}\n")


if __name__ == "__main__":
    main()
