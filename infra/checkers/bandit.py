"""bandit: looks for what is often insecure in our own code, tests and their fixtures left out.

Its B105 is ruff's S105. Where a line says ``noqa: S105`` the finding is accepted there, and ruff
complains when the line needs it no more; all others stand in the list.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from infra.checkers.findings import Accepted, Finding
from infra.checkers.programs import CheckerError, run
from infra.dev.configuration import ROOT
from shared_lib.checks import Check

CODE: Final = ("shared-lib/src", "identity-service/app", "product-core-api/app", "infra")
LINE: Final = 120  # characters by which a place is known
NAME: Final = "bandit"


def check(accepted: Accepted, root: Path = ROOT, code: Sequence[str] = CODE) -> Check:
    """Every test of bandit on the code below `root`. Raises CheckerError."""
    arguments = ["-r", "-q", "-f", "json", "-x", "*/tests/*,*/testing/*", *code]
    report = json.loads(run("bandit", *arguments, cwd=root).output)
    if report["errors"]:
        raise CheckerError(f"bandit could not read {report['errors'][0]['filename']}")
    findings = [_finding(root, each) for each in report["results"] if not _waived(root, each)]
    waived = len(report["results"]) - len(findings)
    files = len(report["metrics"]) - 1  # the totals are among them
    nothing = () if files else ("it looked at nothing: no files",)
    return Check(
        section="bandit",
        name=NAME,
        says=f"{files} files, {report['metrics']['_totals']['loc']:,} lines, {waived} findings "
        f"accepted at their lines and {len(findings)} in the list",
        faults=(*accepted.faults(NAME, findings), *nothing),
    )


def _waived(root: Path, said: dict[str, Any]) -> bool:
    lines = (root / said["filename"]).read_text().splitlines()
    rule = f"S{said['test_id'][1:]}"
    return any(
        rule in lines[number - 1].partition("# noqa:")[2].replace(",", " ").split()
        for number in said["line_range"]
    )


def _finding(root: Path, said: dict[str, Any]) -> Finding:
    path = root / said["filename"]
    line = path.read_text().splitlines()[said["line_number"] - 1].strip()
    place = f"{path.relative_to(root)}: {line[:LINE]}"
    return Finding(said["test_id"], place, said["issue_text"])
