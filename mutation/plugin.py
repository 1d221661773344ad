"""A pytest plugin: in place of running the collected tests, it asks them about mutations."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import import_module

import asyncpg
import pytest

from mutation._reach import Reach
from mutation._resident import Change, asked
from mutation._routines import Routine, RoutineMutation, read_routines, routine_mutations
from mutation._source import SourceMutation, apply, source_mutations
from mutation._suites import ROUTINES, SOURCES, RoutineSuite, SourceSuite
from mutation._task import Task
from mutation._trial import Trial, strangeness
from mutation._verdict import NotApplied, Verdict, write_verdict
from shared_lib.testing.postgres import Cluster, running_cluster

_TIMES = 5  # as many functions of the database in a sample
_DATABASES = "SELECT datname FROM pg_database WHERE datname = $1 OR datname LIKE 'test\\_%'"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Take the place of pytest's own loop."""
    if session.testsfailed:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    task = Task.from_environment()
    verdicts = (
        _of_sources(task, Trial(session), SOURCES[task.suite])
        if task.suite in SOURCES
        else _of_routines(task, session, ROUTINES[task.suite])
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


def _of_routines(task: Task, session: pytest.Session, suite: RoutineSuite) -> Iterator[Verdict]:
    cluster = running_cluster()
    routines = asyncio.run(_read(cluster.admin_url(cluster.template)))
    mutations = task.chosen(
        [mutation for routine in routines for mutation in routine_mutations(routine)],
        times=_TIMES,
    )
    verdicts = [
        Verdict("admission", f"{suite.database} {each.routine.name}", each.what)
        for each in mutations
    ]
    if task.only_list:
        yield from verdicts
        return
    changes = [
        Change(
            partial(_put, cluster, mutation.sql),
            partial(_put, cluster, mutation.routine.definition),
            _tests(session, suite, mutation),
        )
        for mutation in mutations
    ]
    for verdict, answer in zip(verdicts, asked(session, changes), strict=True):
        if isinstance(answer, NotApplied):
            yield replace(verdict, error=str(answer))
        else:
            yield replace(verdict, by=answer)


def _tests(
    session: pytest.Session, suite: RoutineSuite, mutation: RoutineMutation
) -> Sequence[pytest.Item]:
    """Those that are named for the function, file by file, the likeliest of each first."""
    named = suite.tests.get(mutation.routine.name)
    if named is None:
        raise LookupError(f"no tests are named for {mutation.routine.name}")
    strange = strangeness(mutation.what)
    return [
        item
        for place in named
        for item in sorted(session.items, key=strange)
        if item.nodeid.startswith(place)
    ]


def _tried(
    verdict: Verdict, trial: Trial, tests: Sequence[pytest.Item], *, apply: Callable[[], None]
) -> Verdict:
    """The verdict, completed. `apply` changes the process of the tests."""
    try:
        by = trial.noticed(apply, tests)
    except NotApplied as fault:
        return replace(verdict, error=str(fault))
    trial.confirm(by)
    return replace(verdict, by=by)


def _put(cluster: Cluster, sql: str) -> None:
    """Change the databases that tests have, and the template that they will clone."""
    # Tests may have an event loop of this thread.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, _execute_everywhere(cluster, sql)).result()
        except asyncpg.PostgresError as fault:
            raise NotApplied(f"{type(fault).__name__}: {fault}") from fault


async def _read(url: str) -> list[Routine]:
    connection = await asyncpg.connect(url)
    try:
        return await read_routines(connection)
    finally:
        await connection.close()


async def _execute_everywhere(cluster: Cluster, sql: str) -> None:
    connection = await asyncpg.connect(cluster.admin_url("postgres"))
    try:
        names = await connection.fetch(_DATABASES, cluster.template)
    finally:
        await connection.close()
    for (name,) in names:
        connection = await asyncpg.connect(cluster.admin_url(name))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()
