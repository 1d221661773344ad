"""What one mutation is called and how it ended, as it travels from the process that tried it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["NotApplied", "Verdict", "read_verdicts", "write_verdict"]


class NotApplied(Exception):
    """A mutation that changed nothing: that nobody misses anything proves nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One mutation. `by` names the checks that noticed, none when nothing did.

    `kind` is what was taken away; `where` and `what` together name the mutation and are stable
    against other lines in the same file. `error` says why it could not be tried at all.
    """

    kind: str
    where: str
    what: str
    by: tuple[str, ...] = ()
    error: str = ""

    @property
    def name(self) -> str:
        """The name by which it is listed, and by which it is found again."""
        return f"{self.where}: {self.what}"


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Append one line; several processes never share a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(verdict)) + "\n")


def read_verdicts(paths: Iterable[Path]) -> Iterator[Verdict]:
    """All verdicts of some files, in their order; a missing file has none."""
    for path in paths:
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                values = json.loads(line)
                yield Verdict(**values | {"by": tuple(values["by"])})
