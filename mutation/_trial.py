"""Asks tests about one mutation after another, each alone in a process forked for it."""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

import pytest

from mutation._forked import Died, TookTooLong, in_child
from mutation._items import Outcome, run_items
from mutation._reach import Reach
from mutation._verdict import NotApplied

__all__ = ["BaselineFailed", "Trial", "strangeness"]

_BASELINE_SECONDS = 600.0
_SPARE_SECONDS = 30.0  # beside several times what the tests took before
_WORDS = re.compile(r"[A-Za-z]{3,}")


class BaselineFailed(Exception):
    """A test fails without any mutation: nothing can be counted."""


class Trial:
    """The collected tests. What passed unmutated is known, and is found out where it is not."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._seconds: dict[str, float] = {}

    @property
    def items(self) -> Sequence[pytest.Item]:
        """Every test that may be asked."""
        return self._session.items

    def baseline(self, reach: Reach) -> None:
        """Run all tests unmutated and record what they reach. Raises BaselineFailed."""

        def work() -> tuple[Outcome, Any]:
            return run_items(self._session, self.items, reach=reach), reach.dump()

        outcome, reached = in_child(work, seconds=_BASELINE_SECONDS)
        self._must_have_passed(outcome)
        reach.load(reached)

    def noticed(self, apply: Callable[[], None], tests: Sequence[pytest.Item]) -> tuple[str, ...]:
        """Who noticed what `apply` did to the child that runs `tests`: one, or nobody.

        Raises NotApplied. Whoever noticed is to be confirmed, once the change is undone.
        """

        def work() -> Outcome | NotApplied:
            try:
                apply()
            except NotApplied as fault:
                return fault
            except Exception as fault:  # noqa: BLE001  an error of this mutation, not of the run
                return NotApplied(f"{type(fault).__name__}: {fault}")
            return run_items(self._session, tests)

        known = sum(self._seconds.get(test.nodeid, _SPARE_SECONDS) for test in tests)
        try:
            answer = in_child(work, seconds=5 * known + _SPARE_SECONDS)
        except TookTooLong:
            return ("the tests never ended",)
        except Died as death:
            return (f"the process of the tests died: {death}",)
        if isinstance(answer, NotApplied):
            raise answer
        return (answer.failed,) if answer.failed else ()

    def confirm(self, noticed: Iterable[str]) -> None:
        """Run tests unmutated, unless they are known to pass. Raises BaselineFailed."""
        for nodeid in noticed:
            tests = [item for item in self.items if item.nodeid == nodeid]
            if tests and nodeid not in self._seconds:
                again = partial(run_items, self._session, tests)
                self._must_have_passed(in_child(again, seconds=_BASELINE_SECONDS))

    def seconds(self, test: pytest.Item) -> float:
        """What a test took unmutated; 0 where that is not known."""
        return self._seconds.get(test.nodeid, 0.0)

    def _must_have_passed(self, outcome: Outcome) -> None:
        if outcome.failed:
            raise BaselineFailed(f"{outcome.failed}: {outcome.message}")
        self._seconds |= outcome.seconds


def strangeness(what: str) -> Callable[[pytest.Item], int]:
    """A key by which tests come first whose text has most of the words of a mutation.

    It decides nothing but how long a run takes.
    """
    words = {word.lower() for word in _WORDS.findall(what)} - {"without", "the", "condition"}

    def key(item: pytest.Item) -> int:
        text = f"{item.nodeid} {_text(item)}".lower()
        return -sum(word in text for word in words)

    return key


@cache
def _text(item: pytest.Item) -> str:
    function = getattr(item, "function", None)
    try:
        return inspect.getsource(function) if function else ""
    except (OSError, TypeError):
        return ""
