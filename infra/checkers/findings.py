"""What a checker found, and which findings we accept: each with a reason, and none for ever."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ACCEPTED = Path(__file__).with_name("accepted")


class AcceptedError(Exception):
    """A file of accepted findings cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a checker says of one place: its own `rule`, `at` where, and its `text`."""

    rule: str
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Findings that we live with: every rule at every place, found by each of the checks `by`.

    `*` in a place stands for any text.
    """

    by: str
    rule: str
    at: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of those accepted here."""
        if self.rule != finding.rule:
            return False
        pattern = ".*".join(map(re.escape, self.at.split("*")))
        return re.fullmatch(pattern, finding.at) is not None


@dataclass(slots=True)
class Accepted:
    """All accepted findings, and the names of the checks that were judged by them."""

    acceptances: list[Acceptance] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, directory: Path = ACCEPTED) -> Self:
        """Read every file of the directory. Raises AcceptedError."""
        read = cls()
        for path in sorted(directory.glob("*.toml")):
            for entry in tomllib.loads(path.read_text()).get("accepted", []):
                read.acceptances += _acceptances(path, entry)
        return read

    def faults(self, by: str, findings: Iterable[Finding]) -> tuple[str, ...]:
        """What is wrong with the findings of the check `by`: those that nobody accepted, and
        acceptances of what is found no more.
        """
        self.judged.add(by)
        mine = [each for each in self.acceptances if each.by == by]
        met: set[Acceptance] = set()
        faults = []
        for finding in findings:
            covering = [each for each in mine if each.covers(finding)]
            met.update(covering)
            if not covering:
                faults.append(f"{finding.rule} at {finding.at}: {finding.text}")
        faults += [
            f"{each.rule} at {each.at} is accepted, but found no more: {each.reason}"
            for each in mine
            if each not in met
        ]
        return tuple(faults)

    def strays(self) -> tuple[str, ...]:
        """Checks that findings are accepted of and that were never judged."""
        unknown = sorted({each.by for each in self.acceptances} - self.judged)
        return tuple(f"accepted/ names {by}, which is no check" for by in unknown)


def _acceptances(path: Path, entry: dict[str, Any]) -> list[Acceptance]:
    if set(entry) != {"by", "rules", "at", "reason"} or not entry["reason"].strip():
        raise AcceptedError(f"{path.name}: an entry has by, rules, at and a reason: {entry}")
    return [
        Acceptance(by, rule, at, entry["reason"])
        for by in entry["by"]
        for rule in entry["rules"]
        for at in entry["at"]
    ]
