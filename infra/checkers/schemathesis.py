"""schemathesis: calls every operation of a document with much that fits it and much that does not.

Its seed changes from run to run and is shown; CHECKERS_SEED repeats one.
"""

import json
import os
import random
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
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
# other one is slow, as it may be while both are called; for nothing else (see _unavailable).
_CHECKS: Final = """[checks]
positive_data_acceptance.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]"""
_SLOW: Final = frozenset({"identity_unavailable", "keys_unavailable", "sign_in_busy"})
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
class _Run:
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


def _called(url: str, caller: Caller, seed: int) -> _Run:
    with tempfile.TemporaryDirectory(prefix="phase-zero-schemathesis-") as place:
        directory = Path(place)
        output = _run(directory, url, caller, seed)
        report = json.loads((directory / "report.json").read_text())
        events = directory / "events.ndjson"
        errors = [f"{each['title']}: {_block(output, each['title'])}" for each in report["errors"]]
        return _Run(
            _tally(events, report, caller),
            _failures(report, output),
            [*errors, *_unavailable(events)],
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


def _total(runs: Sequence[_Run]) -> Tally:
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
    for case, response in _requests(events):
        requests += 1
        if 200 <= response["status_code"] < 300:  # noqa: PLR2004
            answered.add((case["method"], case["path"]))
        repeated += case.get("auth_identity") in caller.peers[1:]
    return Tally(report["operations"]["tested"], requests, len(answered), repeated)


def _unavailable(events: Path) -> list[str]:
    """Each operation that answered 503 for another reason than that the other service is slow."""
    found = set()
    for case, response in _requests(events):
        if response["status_code"] == HTTPStatus.SERVICE_UNAVAILABLE:
            detail = _detail(response["content"])
            if detail not in _SLOW:
                found.add(f"{case['method']} {case['path']}: 503 {detail}")
    return sorted(found)


def _detail(content: Any) -> object:
    """The code of a problem document; None for what is none."""
    try:
        return json.loads(b64decode(content["$base64"]))["detail"]
    except (ValueError, LookupError, TypeError):
        return None


def _requests(events: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each request that was answered, and the answer."""
    for line in events.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            if response := interaction.get("response"):
                case = recorder["cases"][case_id]["value"]
                yield case, response


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
