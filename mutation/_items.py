"""Runs some of the collected tests in this process, until the first that fails."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from mutation._reach import Reach

__all__ = ["Outcome", "run_items"]

_LONGEST = 300  # characters of a failure


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Outcome:
    """`failed`: the first test that failed, and how. `seconds`: what each test took."""

    failed: str = ""
    message: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each phase of each test."""
        if report.failed and not self.failed:
            self.failed = report.nodeid
            lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
            self.message = " ".join(lines[:1])[:_LONGEST]


def run_items(
    session: pytest.Session,
    items: Sequence[pytest.Item],
    *,
    reach: Reach | None = None,
    keep: bool = False,
) -> Outcome:
    """Run `items` in their order. With `reach`, run all of them and record what each runs. `keep`:
    what fixtures of the session hold is kept for the next call.
    """
    after: Any = session if keep else None  # what is torn down is what this does not need
    outcome = Outcome()
    session.config.pluginmanager.register(outcome)
    for item, following in zip(items, [*items[1:], after], strict=bool(items)):
        begun = time.monotonic()
        with _recorded(reach, item.nodeid):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        outcome.seconds[item.nodeid] = time.monotonic() - begun
        if outcome.failed:
            # What the fixtures hold, databases above all, is given back.
            with suppress(BaseException):
                session._setupstate.teardown_exact(after)  # noqa: SLF001  as pytest does itself
            break
    session.config.pluginmanager.unregister(outcome)
    return outcome


@contextmanager
def _recorded(reach: Reach | None, test: str) -> Iterator[None]:
    if reach is None:
        yield
        return
    reach.test = test
    with reach.recording():
        yield
