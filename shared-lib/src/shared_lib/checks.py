"""What a command found when it took something apart: `prove` and `doctor` say it in these words."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "CheckState"]


class CheckState(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # not looked at: neither good nor bad


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    `name` is stable, and unique in its `section`; `says` is what holds when there is no fault;
    each of `faults` is a sentence about one place. `source` is the clause that asks for it.
    `skipped` is the reason why nothing was looked at.
    """

    section: str
    name: str
    says: str
    faults: tuple[str, ...] = ()
    source: str = ""
    skipped: str = ""

    @property
    def state(self) -> CheckState:
        """FAILED with any fault, also when the rest of it was skipped."""
        if self.faults:
            return CheckState.FAILED
        return CheckState.SKIPPED if self.skipped else CheckState.PASSED
