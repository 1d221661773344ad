"""squawk: reads migrations for what locks, breaks clients, or changes policies."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from infra.checkers.findings import Accepted, Finding
from infra.checkers.migrations import Migration
from infra.checkers.policy_changes import policy_changes, unlisted
from infra.checkers.programs import run
from shared_lib.checks import Check

OLDEST: Final = "15"
LINE: Final = 100  # characters by which a statement is known
POLICY_RULES: Final = (
    "ban-create-policy",
    "ban-drop-policy",
    "ban-alter-policy-condition",
    "ban-alter-policy-roles",
    "ban-alter-row-level-security",
)
"""Rules that find every change of a policy; what they find is compared with a list."""


def check(database: str, migrations: Sequence[Migration], accepted: Accepted) -> list[Check]:
    """Both checks of the migrations of a database. Raises CheckerError."""
    findings = lint(migrations)
    ordinary = [each for each in findings if each.rule not in POLICY_RULES]
    name = f"squawk.lint.{database}"
    risks = Check(
        section="squawk",
        name=name,
        says=f"lint of {database}: {len(migrations)} migrations read, {len(ordinary)} findings, "
        "each accepted",
        faults=(*accepted.faults(name, ordinary), *_nothing(migrations)),
    )
    return [risks, policies(database, migrations, len(findings) - len(ordinary))]


def policies(database: str, migrations: Sequence[Migration], seen_by_squawk: int) -> Check:
    """Every change of policies and grants stands in the list of the database."""
    changes = [change for each in migrations for change in policy_changes(each.sql)]
    ours = sum("POLICY " in each or "ROW LEVEL SECURITY" in each for each in changes)
    faults = [
        f"{line[1:]} ({'not in' if line[0] == '+' else 'only in'} policies/{database}.sql)"
        for line in unlisted(database, migrations)
        if line[1:]
    ]
    if ours != seen_by_squawk:
        faults.append(f"squawk sees {seen_by_squawk} changes of policies, the list has {ours}")
    return Check(
        section="squawk",
        name=f"squawk.policies.{database}",
        says=f"policies of {database}: {len(changes)} changes of rights, {seen_by_squawk} of them "
        "of policies and row level security, all expected",
        faults=(*faults, *_nothing(changes)),
    )


def lint(migrations: Sequence[Migration]) -> list[Finding]:
    """What squawk says, each revision read by itself. Raises CheckerError."""
    with tempfile.TemporaryDirectory(prefix="phase-zero-squawk-") as directory:
        paths = {f"{directory}/{each.database}-{each.revision}.sql": each for each in migrations}
        for path, migration in paths.items():
            Path(path).write_text(migration.sql)
        rules = [option for rule in POLICY_RULES for option in ("--include", rule)]
        options = ["--reporter", "json", "--pg-version", OLDEST, *rules]
        outcome = run("squawk", *options, *paths)
    return [_finding(paths[each["file"]], each) for each in json.loads(outcome.output)]


def _finding(migration: Migration, said: dict[str, Any]) -> Finding:
    line = migration.sql.splitlines()[said["line"]].strip()
    return Finding(said["rule_name"], f"{migration.name}: {line[:LINE]}", said["message"])


def _nothing(looked_at: Sequence[object]) -> tuple[str, ...]:
    return () if looked_at else ("it looked at nothing",)
