"""A pytest plugin: in place of running the collected tests, it asks them about mutations."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib import import_module

import asyncpg
import pytest

from mutation._reach import Reach
from mutation._routines import Routine, RoutineMutation, read_routines, routine_mutations
from mutation._source import SourceMutation, apply, source_mutations
from mutation._suites import ROUTINES, SOURCES, RoutineSuite, SourceSuite
from mutation._task import Task
from mutation._trial import Trial, strangeness
from mutation._verdict import NotApplied, Verdict, write_verdict
from shared_lib.testing.postgres import running_cluster


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Take the place of pytest's own loop."""
    if session.testsfailed:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    task = Task.from_environment()
    trial = Trial(session)
    verdicts = (
        _of_sources(task, trial, SOURCES[task.suite])
        if task.suite in SOURCES
        else _of_routines(task, trial, ROUTINES[task.suite])
    )
    for verdict in verdicts:
        write_verdict(task.file, verdict)
    return True


def _of_sources(task: Task, trial: Trial, suite: SourceSuite) -> Iterator[Verdict]:
    modules = [import_module(name) for name in suite.modules]
    for module, name in suite.prepared:
        getattr(import_module(module), name)()
    mutations = task.chosen(list(source_mutations(suite.kind, modules)))
    reach = Reach(mutation.path for mutation in mutations)
    if not task.only_list and not task.sample:
        trial.baseline(reach)

    def tests(mutation: SourceMutation) -> Sequence[pytest.Item]:
        """Those that run the changed lines; for a sample it takes longer to know them."""
        strange = strangeness(mutation.what)
        if task.sample:
            return sorted(trial.items, key=strange)
        candidate = mutation.candidate
        refused = reach.tests(mutation.path, candidate.refusing)
        reaching = refused | reach.tests(mutation.path, candidate.lines)
        return sorted(
            (item for item in trial.items if item.nodeid in reaching),
            key=lambda item: (item.nodeid not in refused, strange(item), trial.seconds(item)),
        )

    for mutation in mutations:
        verdict = Verdict(mutation.kind, mutation.where, mutation.what)
        if not task.only_list:
            verdict = _tried(verdict, trial, tests(mutation), apply=partial(apply, mutation))
        yield verdict


def _of_routines(task: Task, trial: Trial, suite: RoutineSuite) -> Iterator[Verdict]:
    cluster = running_cluster()
    template = cluster.admin_url(cluster.template)
    routines = asyncio.run(_read(template))
    mutations = task.chosen(
        [mutation for routine in routines for mutation in routine_mutations(routine)]
    )
    for mutation in mutations:
        name = mutation.routine.name
        verdict = Verdict("admission", f"{suite.database} {name}", mutation.what)
        if name not in suite.tests:
            verdict = replace(verdict, error="no tests are named for this function")
        elif not task.only_list:
            named = [item for item in trial.items if item.nodeid.startswith(suite.tests[name])]
            tests = sorted(named, key=strangeness(mutation.what))
            verdict = _tried(verdict, trial, tests, within=_in_template(template, mutation))
        yield verdict


def _tried(
    verdict: Verdict,
    trial: Trial,
    tests: Sequence[pytest.Item],
    *,
    apply: Callable[[], None] = lambda: None,
    within: AbstractContextManager[None] | None = None,
) -> Verdict:
    """The verdict, completed. `apply` changes the process of the tests, `within` something else."""
    try:
        with within or nullcontext():
            by = trial.noticed(apply, tests)
    except NotApplied as fault:
        return replace(verdict, error=str(fault))
    trial.confirm(by)
    return replace(verdict, by=by)


@contextmanager
def _in_template(template: str, mutation: RoutineMutation) -> Iterator[None]:
    """Tests clone their databases from the template: it is changed, and put back."""
    try:
        asyncio.run(_execute(template, mutation.sql))
    except asyncpg.PostgresError as fault:
        raise NotApplied(f"{type(fault).__name__}: {fault}") from fault
    try:
        yield
    finally:
        asyncio.run(_execute(template, mutation.routine.definition))


async def _read(url: str) -> list[Routine]:
    connection = await asyncpg.connect(url)
    try:
        return await read_routines(connection)
    finally:
        await connection.close()


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
