"""schemathesis: calls every operation of a document with much that fits it and much that does not.

Its seed changes from run to run and is shown; CHECKERS_SEED repeats one.
"""

import json
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from infra.checkers.callers import Caller
from infra.checkers.findings import Accepted, Finding
from infra.checkers.programs import CheckerError, run
from shared_lib.checks import Check

REVOKED: Final = ("/service-accounts/{account_id}",)
"""What DELETE revokes and does not remove: it is read on, so that one sees what it was."""

_OPTIONS: Final = (
    *("--workers", "1", "--continue-on-failure", "--no-color"),
    *("--report", "json,ndjson", "--report-json-path", "report.json"),
    *("--report-ndjson-path", "events.ndjson", "--generation-database", "none"),
    *("--suppress-health-check", "all", "--request-timeout", "30", "--warnings", "off"),
)
# JSON Schema cannot say what a cursor or an address is. A service answers 503 on purpose when the
# other one, or a lock, is slow; the document must name it all the same.
_CHECKS: Final = """[checks]
positive_data_acceptance.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]"""
_CHANGING: Final = ("PUT", "PATCH", "DELETE")
_MORE: Final = 8  # times as many examples for who has read nothing of his own
_TEXT: Final = 700  # characters of what is said of one failure


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done: operations, requests, operations that once answered 2xx, and reads of
    one organization's objects that were repeated with another's token.
    """

    operations: int
    requests: int
    answered: int
    repeated: int


@dataclass(frozen=True, slots=True)
class _Round:
    """One run of the program: what it did, what it found, what it could not do."""

    tally: Tally
    findings: Sequence[Finding]
    errors: Sequence[str]


def seed_of_run() -> int:
    """The seed: CHECKERS_SEED, else a new one."""
    given = os.environ.get("CHECKERS_SEED")
    return int(given) if given else random.SystemRandom().randrange(2**32)


def check(service: str, url: str, caller: Caller, seed: int, accepted: Accepted) -> Check:
    """Call the operations of the document at `url` as one caller. Raises CheckerError."""
    runs = [_called(url, caller, seed)]
    # Only a read of what the same run has made or listed is repeated as somebody else, and whether
    # there is one depends on what is drawn.
    if caller.peers and not runs[0].tally.repeated:
        runs.append(_called(url, _reading_more(caller), seed))
    tally = _total(runs)
    name = f"schemathesis.{service}.{caller.name.replace(' ', '-')}"
    return Check(
        section="schemathesis",
        name=name,
        says=f"{service} as {caller.name}: {_told(tally, caller)} (seed {seed})",
        faults=(
            *accepted.faults(name, [finding for each in runs for finding in each.findings]),
            *(error for each in runs for error in each.errors),
            *_nothing(tally, caller),
        ),
    )


def _called(url: str, caller: Caller, seed: int) -> _Round:
    with tempfile.TemporaryDirectory(prefix="phase-zero-schemathesis-") as place:
        directory = Path(place)
        output = _run(directory, url, caller, seed)
        report = json.loads((directory / "report.json").read_text())
        return _Round(
            _tally(directory / "events.ndjson", report, caller),
            _failures(report, output),
            [f"{each['title']}: {_block(output, each['title'])}" for each in report["errors"]],
        )


def _reading_more(caller: Caller) -> Caller:
    """The same one, who makes and reads much and neither changes nor removes anything."""
    others = [text for method in _CHANGING for text in ("--exclude-method", method)]
    return replace(
        caller,
        options=(*caller.options, *others),
        phases=("fuzzing", "stateful"),
        examples=_MORE * caller.examples,
    )


def _total(runs: Sequence[_Round]) -> Tally:
    tallies = [each.tally for each in runs]
    return Tally(
        max(each.operations for each in tallies),
        sum(each.requests for each in tallies),
        max(each.answered for each in tallies),
        sum(each.repeated for each in tallies),
    )


def _run(directory: Path, url: str, caller: Caller, seed: int) -> str:
    (directory / "schemathesis.toml").write_text(_configuration(directory, caller))
    outcome = run(
        "schemathesis",
        *("--config-file", "schemathesis.toml", "run", url),
        *("--phases", ",".join(caller.phases), "--max-examples", str(caller.examples)),
        *("--seed", str(seed), *_OPTIONS, *caller.options),
        cwd=directory,
    )
    if not (directory / "report.json").exists():
        raise CheckerError(f"schemathesis made no report: {outcome.output[-1500:]}")
    return outcome.output


def _configuration(directory: Path, caller: Caller) -> str:
    lines = [_CHECKS]
    for number, (parameter, values) in enumerate(caller.values.items()):
        lines.append(f"[dictionaries.d{number}]\nvalues = {json.dumps(values)}")
        lines.append(f'[parameters]\n"{parameter}" = {{ dictionary = "d{number}" }}')
    if caller.entries:
        entries = directory / "auth.json"
        entries.write_text(json.dumps({"auth": list(caller.entries)}))
        user = caller.entries[0]["name"]
        lines.append(f"[auth.wfc]\npath = {json.dumps(str(entries))}\nuser = {json.dumps(user)}")
        if caller.peers:
            lines.append(f"peers = {json.dumps(list(caller.peers))}")
    for path in REVOKED:
        lines.append(f"[[operations]]\ninclude-path = {json.dumps(path)}")
        lines.append("checks.use_after_free.enabled = false")
    return "\n".join(lines) + "\n"


def _tally(events: Path, report: Mapping[str, Any], caller: Caller) -> Tally:
    requests = repeated = 0
    answered = set()
    for case, status in _requests(events):
        requests += 1
        if 200 <= status < 300:  # noqa: PLR2004
            answered.add((case["method"], case["path"]))
        repeated += case.get("auth_identity") in caller.peers[1:]
    return Tally(report["operations"]["tested"], requests, len(answered), repeated)


def _requests(events: Path) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Of each request that was answered: what was sent, and the status."""
    for line in events.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            if response := interaction.get("response"):
                case = recorder["cases"][case_id]["value"]
                yield case, response["status_code"]


def _failures(report: Mapping[str, Any], output: str) -> list[Finding]:
    return [
        Finding(each["type"], operation, f"{each['title']}: {_block(output, operation)}")
        for each in report["failures"]
        for operation in each["operations"]
    ]


def _block(output: str, title: str) -> str:
    """What the program prints of an operation, or of an error, in one line."""
    _, _, after = output.partition(f" {title} _")
    if not after:
        _, _, after = output.partition(title)
    block = after.lstrip("_").partition("\n____")[0]
    return " ".join(block.split())[:_TEXT]


def _told(tally: Tally, caller: Caller) -> str:
    said = f"{tally.operations} operations, {tally.requests:,} requests, "
    said += f"{tally.answered} operations answered with success"
    if caller.peers:
        said += f", {tally.repeated} reads repeated as {' and '.join(caller.peers[1:])}"
    return said


def _nothing(tally: Tally, caller: Caller) -> tuple[str, ...]:
    faults = []
    if not tally.requests:
        faults.append("it looked at nothing: no requests")
    if caller.refused and tally.answered:
        faults.append(f"{tally.answered} operations answered with success to a foreign token")
    if not caller.refused and not tally.answered:
        faults.append("no operation answered with success: are the tokens good?")
    if caller.peers and not tally.repeated:
        faults.append("object-level authorization was not tried: nobody else asked for anything")
    return tuple(faults)
