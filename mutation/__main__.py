"""`python -m mutation`: takes protections away, one at a time, and says which nobody misses."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from mutation._equivalent import reason_of
from mutation._run import Ended, jobs, run
from mutation._task import Task
from mutation._verdict import Verdict

_OK, _UNNOTICED, _BROKEN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status: 1 for an unnoticed mutation, 2 when none counts."""
    options = _options().parse_args(arguments)
    seed = options.seed or datetime.now(UTC).date().isoformat()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="phase-zero-mutation-") as directory:
        task = Task("", "", options.sample, seed, options.list, tuple(options.only or ()))
        chosen = [
            job
            for job in jobs(Path(directory), task)
            if (not options.only or job.kinds.intersection(options.only))
            and (not options.suite or job.task.suite in options.suite)
        ]
        ended = []
        for each in run(chosen):
            ended.append(each)
            sys.stderr.write(told(each, quiet=options.json or options.list))
    verdicts = [verdict for each in ended for verdict in each.verdicts]
    failed = [each.job.task.suite for each in ended if each.failure]
    if options.list:
        sys.stdout.writelines(f"{each.kind}: {each.name}\n" for each in verdicts)
        return _BROKEN if failed else _OK
    report = Report(verdicts, seed if options.sample else "", time.monotonic() - begun, failed)
    sys.stdout.write(f"{report.as_json() if options.json else report.as_text()}\n")
    return report.status


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__)
    parser.add_argument("--only", action="append", metavar="KIND", help="kinds to try")
    parser.add_argument("--suite", action="append", metavar="NAME", help="suites to try")
    parser.add_argument(
        "--sample",
        type=int,
        default=0,
        metavar="N",
        help="N of each suite, more where that is quick",
    )
    parser.add_argument("--seed", default="", help="chooses the sample (default: the date)")
    parser.add_argument("--list", action="store_true", help="name the mutations and try none")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def told(ended: Ended, *, quiet: bool) -> str:
    """What is said of a suite as soon as it ends; if `quiet`, only how it failed."""
    lines = [ended.failure] if ended.failure else []
    if not quiet:
        counted = [each for each in ended.verdicts if each.by or not reason_of(each.name)]
        missed = [each for each in counted if not each.by]
        of = f"{len(counted) - len(missed)} of {len(counted)}"
        lines.append(f"  {ended.job.task.suite}: {of} noticed, in {ended.seconds:.0f} s")
        lines += [f"    not {'tried' if each.error else 'noticed'}: {each.name}" for each in missed]
    return "".join(f"{line}\n" for line in lines)


class Report:
    """What a run found."""

    def __init__(
        self, verdicts: Sequence[Verdict], seed: str, seconds: float, failed: Sequence[str] = ()
    ) -> None:
        """`seed` is empty when all were tried; `seconds` is what the run took. `failed` names the
        suites that ended before they had tried all.
        """
        verdicts = _joined(verdicts)
        self._equivalent = [each for each in verdicts if reason_of(each.name) and not each.by]
        self._counted = [each for each in verdicts if each not in self._equivalent]
        self._broken = [each for each in self._counted if each.error]
        self._unnoticed = [each for each in self._counted if not each.by and not each.error]
        self._seed = seed
        self._seconds = seconds
        self._failed = failed

    @property
    def status(self) -> int:
        """The exit status."""
        if self._broken or self._failed or not self._counted:
            return _BROKEN
        return _UNNOTICED if self._unnoticed else _OK

    def as_text(self) -> str:
        """For people."""
        kinds = Counter(each.kind for each in self._counted)
        noticed = Counter(each.kind for each in self._counted if each.by)
        behaves = Counter(each.kind for each in self._counted if _shows_in_behaviour(each))
        lines = [
            f"{kind:<10} {noticed[kind]:>5} of {kinds[kind]:>5} noticed"
            + (f", {behaves[kind]} in what roles can do" if behaves[kind] else "")
            for kind in kinds
        ]
        lines += [f"NOT NOTICED {each.kind}: {each.name}" for each in self._unnoticed]
        lines += [f"NOT TRIED {each.kind}: {each.name}: {each.error}" for each in self._broken]
        lines += [f"FAILED {suite}: not all of it was tried" for suite in self._failed]
        if self._equivalent:
            lines.append(
                f"{len(self._equivalent)} change nothing that matters, each for its reason"
            )
        if self._seed:
            lines.append(f"a sample, chosen by --seed {self._seed}")
        total, good = len(self._counted), sum(noticed.values())
        share = 100 * good / total if total else 0.0
        shown = "100%" if good == total and total else f"{min(share, 99.9):.1f}%"
        lines.append(f"{shown} of {total} mutations noticed, in {self._seconds:.0f} s")
        return "\n".join(lines)

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(
            {
                "mutations": [asdict(each) for each in self._counted],
                "equivalent": [
                    asdict(each) | {"reason": reason_of(each.name)} for each in self._equivalent
                ],
                "noticed": sum(bool(each.by) for each in self._counted),
                "total": len(self._counted),
                "failed": list(self._failed),
                "seed": self._seed,
                "seconds": round(self._seconds),
                "status": self.status,
            }
        )


def _joined(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """One for each mutation: two suites may try the same, and one that notices is enough."""
    joined: dict[tuple[str, str], Verdict] = {}
    for each in verdicts:
        other = joined.get((each.kind, each.name))
        by = each.by if other is None else (*other.by, *each.by)
        error = each.error or (other.error if other else "")
        joined[each.kind, each.name] = replace(each, by=by, error=error)
    return list(joined.values())


def _shows_in_behaviour(verdict: Verdict) -> bool:
    """Whether rows were reached that must not be, whatever the catalogue says. Not looked for where
    a grant was noticed before.
    """
    return any(check.startswith("behaviour") for check in verdict.by)


if __name__ == "__main__":
    # As Ctrl-C does: the suites that run end with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
