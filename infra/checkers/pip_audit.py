"""pip-audit: known vulnerabilities of the locked packages, and whether anyone could be asked.

It ends with 0 when it could look nothing up; so what it audited is counted here.
"""

import json
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.checkers.findings import Accepted, Finding
from infra.checkers.programs import Outcome, run
from infra.dev.configuration import ROOT
from shared_lib.checks import Check

NAME: Final = "pip-audit"
SERVICES: Final = ("pypi", "osv")
TIMEOUT: Final = "10"  # seconds for one answer


@dataclass(frozen=True, slots=True)
class Audit:
    """What one service answered: the packages that it knows about, and their vulnerabilities."""

    service: str
    audited: int
    findings: tuple[Finding, ...]


def check(
    accepted: Accepted, lock: Path = ROOT / "uv.lock", env: Mapping[str, str] | None = None
) -> Check:
    """Audit every package of the lock file, with the first service that answers at all."""
    packages = locked(lock)
    answers = []
    for service in SERVICES:
        answers.append(_asked(service, packages, env))
        if answers[-1].audited:
            break
    best = max(answers, key=lambda each: each.audited)
    missing = len(packages) - best.audited
    skipped = ""
    if missing:
        asked = " and ".join(each.service for each in answers)
        skipped = f"no data about {missing} of {len(packages)} packages from {asked}"
    return Check(
        section="pip-audit",
        name=NAME,
        says=f"{best.audited} of {len(packages)} locked packages audited, "
        f"{len(best.findings)} known vulnerabilities, each accepted",
        faults=accepted.faults(NAME, best.findings) if best.audited else (),
        skipped=skipped,
    )


def locked(lock: Path) -> list[str]:
    """The packages of a lock file that come from an index, as ``name==version``."""
    return [
        f"{package['name']}=={package['version']}"
        for package in tomllib.loads(lock.read_text())["package"]
        if "registry" in package["source"]
    ]


def _asked(service: str, packages: Sequence[str], env: Mapping[str, str] | None) -> Audit:
    with tempfile.TemporaryDirectory(prefix="phase-zero-audit-") as directory:
        path = Path(directory) / "requirements.txt"
        path.write_text("\n".join(packages))
        arguments = ["--requirement", str(path), "--no-deps", "--disable-pip"]
        arguments += ["--vulnerability-service", service, "--timeout", TIMEOUT]
        arguments += ["--cache-dir", directory, "--progress-spinner", "off", "--format", "json"]
        return audit(service, run("pip-audit", *arguments, env=env))


def audit(service: str, outcome: Outcome) -> Audit:
    """Read the program's outcome; without a report it reached nobody, and audited nothing."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(outcome.output)["dependencies"]
    except ValueError:
        return Audit(service, 0, ())
    known = [each for each in dependencies if "skip_reason" not in each]
    findings = tuple(
        Finding(found["id"], f"{each['name']} {each['version']}", _repair(found))
        for each in known
        for found in each["vulns"]
    )
    return Audit(service, len(known), findings)


def _repair(found: Mapping[str, Any]) -> str:
    versions = ", ".join(found["fix_versions"])
    return f"repaired in {versions}" if versions else "not repaired yet"
