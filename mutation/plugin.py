"""A pytest plugin that runs the collected tests once as they are, then once per mutation."""

from collections.abc import Sequence
from importlib import import_module

import pytest

from mutation._forked import Died, TookTooLong, in_child
from mutation._items import Outcome, run_items
from mutation._reach import Reach
from mutation._source import NotApplied, SourceMutation, apply, source_mutations
from mutation._suites import SOURCES, SourceSuite
from mutation._task import Task
from mutation._verdict import Verdict, write_verdict

_BASELINE_SECONDS = 300.0
_SPARE_SECONDS = 30.0  # beside several times what the tests took before


class BaselineFailed(Exception):
    """The tests fail without any mutation: nothing can be counted."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Take the place of pytest's own loop."""
    if session.testsfailed:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    task = Task.from_environment()
    _Sources(session, task, SOURCES[task.suite]).run()
    return True


class _Sources:
    """One suite of source mutations against the tests that were collected."""

    def __init__(self, session: pytest.Session, task: Task, suite: SourceSuite) -> None:
        self._session = session
        self._task = task
        modules = [import_module(name) for name in suite.modules]
        self._mutations = task.chosen(list(source_mutations(suite.kind, modules)))
        self._reach = Reach(mutation.path for mutation in self._mutations)
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        if not self._task.only_list:
            self._baseline()
        for mutation in self._mutations:
            write_verdict(self._task.file, self._verdict(mutation))

    def _baseline(self) -> None:
        def work() -> tuple[Outcome, list[tuple[str, int, list[str]]]]:
            outcome = run_items(self._session, self._session.items, reach=self._reach)
            return outcome, self._reach.dump()

        outcome, reached = in_child(work, seconds=_BASELINE_SECONDS)
        if outcome.failed:
            raise BaselineFailed(f"{outcome.failed}: {outcome.message}")
        self._reach.load(reached)
        self._seconds = outcome.seconds

    def _verdict(self, mutation: SourceMutation) -> Verdict:
        by: tuple[str, ...] = ()
        error = ""
        if not self._task.only_list:
            try:
                by = self._noticed(mutation)
            except NotApplied as fault:
                error = str(fault)
        return Verdict(mutation.kind, mutation.where, mutation.what, by, error)

    def _noticed(self, mutation: SourceMutation) -> tuple[str, ...]:
        tests = self._tests(mutation)
        seconds = 5 * sum(self._seconds[test.nodeid] for test in tests) + _SPARE_SECONDS

        def work() -> Outcome | NotApplied:
            try:
                apply(mutation)
            except NotApplied as fault:
                return fault
            return run_items(self._session, tests)

        try:
            answer = in_child(work, seconds=seconds)
        except TookTooLong:
            return ("the tests never ended",)
        except Died as death:
            return (f"the tests' process died: {death}",)
        if isinstance(answer, NotApplied):
            raise answer
        return (answer.failed,) if answer.failed else ()

    def _tests(self, mutation: SourceMutation) -> Sequence[pytest.Item]:
        """Those that run the changed lines, the likeliest first."""
        candidate = mutation.candidate
        reaching = self._reach.tests(mutation.path, candidate.lines)
        refused = self._reach.tests(mutation.path, candidate.refusing)
        items = [item for item in self._session.items if item.nodeid in reaching | refused]
        return sorted(
            items, key=lambda item: (item.nodeid not in refused, self._seconds[item.nodeid])
        )
