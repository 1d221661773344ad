"""``make checkers``: every checker in turn, what each looked at, and a status that says it.

``python -m infra.checkers bandit squawk`` runs only those.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from infra.checkers import bandit, databases, openapi, pgrls, pip_audit, schemathesis, squawk
from infra.checkers.callers import Caller, callers, last_callers
from infra.checkers.findings import Accepted, AcceptedError
from infra.checkers.installation import DOCUMENTS, Installation, running
from infra.checkers.migrations import migrations_of
from infra.checkers.programs import CheckerError
from infra.dev.database import FAILURES
from shared_lib.checks import Check, CheckState
from shared_lib.cli._checks import exit_status, print_checks

Checker = Callable[[Accepted], Iterator[Check]]


def _bandit(accepted: Accepted) -> Iterator[Check]:
    yield bandit.check(accepted)


def _pip_audit(accepted: Accepted) -> Iterator[Check]:
    yield pip_audit.check(accepted)


def _squawk(accepted: Accepted) -> Iterator[Check]:
    for database, directory in databases.services().items():
        yield from squawk.check(database, migrations_of(database, directory), accepted)


def _pgrls(accepted: Accepted) -> Iterator[Check]:
    with databases.migrated_databases() as urls:
        for database, url in urls.items():
            yield from pgrls.check(database, url, accepted)


def _live(accepted: Accepted) -> Iterator[Check]:
    """Both checkers that need running services, on one installation."""
    with running() as installation:
        for service in DOCUMENTS:
            yield openapi.check(service, installation.document(service))
        seed = schemathesis.seed_of_run()
        for stage in (callers, last_callers):
            yield from _called(installation, stage(installation), seed, accepted)


def _called(
    installation: Installation,
    stage: Mapping[str, list[Caller]],
    seed: int,
    accepted: Accepted,
) -> list[Check]:
    def of(service: str) -> list[Check]:
        url = f"{installation.urls[service]}{DOCUMENTS[service]}"
        return [schemathesis.check(service, url, each, seed, accepted) for each in stage[service]]

    with ThreadPoolExecutor(len(stage)) as services:
        return [check for checks in services.map(of, stage) for check in checks]


CHECKERS: Final[Mapping[str, Checker]] = {
    "bandit": _bandit,
    "pip-audit": _pip_audit,
    "squawk": _squawk,
    "pgrls": _pgrls,
    "live": _live,
}


def run(chosen: Mapping[str, Checker], accepted: Accepted) -> int:
    """Run the chosen checkers; the exit status."""
    checks: list[Check] = []
    for name, checker in chosen.items():
        start = time.monotonic()
        sys.stdout.write(f"{name} …")
        sys.stdout.flush()
        checks += _checked(name, checker, accepted)
        sys.stdout.write(f" {time.monotonic() - start:.0f} s\n")
    if chosen == CHECKERS:
        strays = accepted.strays()
        checks.append(Check("accepted", "accepted", "every accepted finding names a check", strays))
    print_checks(checks, as_json=False)
    for check in checks:
        if check.state is CheckState.SKIPPED:
            sys.stdout.write(f"{check.name}: not run: {check.skipped}\n")
    return exit_status(checks)


def _checked(name: str, checker: Checker, accepted: Accepted) -> list[Check]:
    try:
        return list(checker(accepted))
    except (CheckerError, *FAILURES) as error:
        return [Check(name, name, f"{name} looks at what it should", (str(error),))]


def main() -> int:
    """Run what the arguments name; the exit status."""
    names = sys.argv[1:]
    if unknown := set(names) - set(CHECKERS):
        known = ", ".join(CHECKERS)
        sys.stderr.write(f"No checker is called {', '.join(sorted(unknown))}, but: {known}\n")
        return 2
    try:
        return run({name: CHECKERS[name] for name in names or CHECKERS}, Accepted.read())
    except AcceptedError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
