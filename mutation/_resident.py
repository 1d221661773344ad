"""Asks tests about one change of the database after another, in a process that keeps its session.

To start the application and to clone its database takes longer than to ask most tests, and a
function in the database can be put back.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest

from mutation._forked import Died, TookTooLong, from_child, in_child
from mutation._items import Outcome, run_items
from mutation._trial import BaselineFailed
from mutation._verdict import NotApplied

__all__ = ["Change", "asked"]

_PATIENCE = 600.0  # seconds that all tests of a change may take


@dataclass(frozen=True)
class Change:
    """`put` changes what `tests` are asked about, or raises NotApplied; `undo` puts it back."""

    put: Callable[[], None]
    undo: Callable[[], None]
    tests: Sequence[pytest.Item]


@dataclass(frozen=True)
class _Spoilt:
    """A test that complained of a change complains without it, in the same session."""

    failed: str


def asked(
    session: pytest.Session, changes: Sequence[Change]
) -> Iterator[tuple[str, ...] | NotApplied]:
    """Who noticed each change: one test, or nobody. Who noticed is asked again without the change;
    where he complains still, the change is tried anew in another session. Raises BaselineFailed if
    he complains of nothing at all.
    """
    waiting = list(changes)
    while waiting:
        done = 0
        try:
            for answer in from_child(partial(_work, session, waiting), seconds=_PATIENCE):
                if isinstance(answer, _Spoilt):
                    if not done:  # nothing but this change can have spoilt the session
                        _confirm(session, waiting[0].tests, answer.failed)
                        done += 1
                        yield (answer.failed,)
                    break
                done += 1
                yield answer
        except (TookTooLong, Died) as end:
            waiting[done].undo()
            done += 1
            never = isinstance(end, TookTooLong)
            yield ("the tests never ended" if never else f"the process of the tests died: {end}",)
        waiting = waiting[done:]


def _work(
    session: pytest.Session, changes: Sequence[Change]
) -> Iterator[tuple[str, ...] | NotApplied | _Spoilt]:
    for change in changes:
        try:
            change.put()
        except NotApplied as fault:
            yield fault
            continue
        try:
            outcome = run_items(session, change.tests, keep=True)
        finally:
            change.undo()
        if _again(session, change.tests, outcome.failed).failed:
            yield _Spoilt(outcome.failed)
            break
        yield (outcome.failed,) if outcome.failed else ()
    with suppress(BaseException):  # what the session saw may be what a change made it see
        session._setupstate.teardown_exact(None)  # noqa: SLF001  as pytest does itself


def _confirm(session: pytest.Session, tests: Sequence[pytest.Item], failed: str) -> None:
    again = in_child(partial(_again, session, tests, failed), seconds=_PATIENCE)
    if again.failed:
        raise BaselineFailed(f"{again.failed}: {again.message}")


def _again(session: pytest.Session, tests: Sequence[pytest.Item], failed: str) -> Outcome:
    complaining = [test for test in tests if test.nodeid == failed]
    return run_items(session, complaining, keep=True)
