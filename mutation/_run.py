"""Starts the processes of a run, two at a time, and gathers what they say."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutation._suites import DATABASES, GUARDS, ROUTINES, SOURCES
from mutation._task import Task
from mutation._verdict import Verdict, read_verdicts

__all__ = ["Ended", "Job", "jobs", "run"]

ROOT = Path(__file__).resolve().parents[1]
_AT_ONCE = 2
_LAST_LINES = 40
_OPTIONS = ("-p", "no:cacheprovider", "-n", "0", "-q")


@dataclass(frozen=True)
class Job:
    """One process of a run: what it is asked, and where and how it is started."""

    task: Task
    kinds: frozenset[str]
    directory: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """What a process found, and in how many seconds. `failure` has its last words when it ended
    before it had tried all.
    """

    job: Job
    verdicts: tuple[Verdict, ...]
    seconds: float
    failure: str = ""


def jobs(directory: Path, task: Task) -> Iterator[Job]:
    """Every process of a full run, those that take long first. `task` is given to each of them,
    with its own suite; verdicts and logs go into `directory`.
    """
    for name, database in DATABASES.items():
        arguments: tuple[str, ...] = ("-m", "mutation.database")
        kinds = frozenset({"policy", "force", "key", "grant", "role", "function", "trigger"})
        yield Job(_for(task, name, directory), kinds, database.directory, arguments)
    for name, routines in ROUTINES.items():
        tests = sorted({test for named in routines.tests.values() for test in named})
        kinds = frozenset({"admission"})
        yield Job(_for(task, name, directory), kinds, routines.directory, _pytest(tests))
    for name, guards in GUARDS.items():
        arguments = ("-m", "pytest", *_OPTIONS, guards.test)
        yield Job(_for(task, name, directory), frozenset({"guard"}), guards.directory, arguments)
    for name, sources in SOURCES.items():
        kinds = frozenset({sources.kind})
        arguments = _pytest(sources.tests)
        yield Job(_for(task, name, directory), kinds, sources.directory, arguments)


def run(chosen: Iterable[Job]) -> Iterator[Ended]:
    """Run the jobs; yields each as it ends. One that fails keeps no other from going on."""
    waiting = list(chosen)
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                running.append(_start(waiting.pop(0)))
            time.sleep(0.1)
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                yield each.ended()
    finally:
        for each in running:
            each.process.terminate()
            each.process.wait()


@dataclass(frozen=True, eq=False)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    begun: float

    def ended(self) -> Ended:
        verdicts = tuple(read_verdicts([self.job.task.file]))
        failure = _last_words(self.job) if self.process.returncode != 0 else ""
        return Ended(self.job, verdicts, time.monotonic() - self.begun, failure)


def _for(task: Task, suite: str, directory: Path) -> Task:
    results = directory / f"{suite.replace(' ', '-')}.jsonl"
    return Task(suite, str(results), task.sample, task.seed, task.only_list, task.kinds)


def _pytest(tests: Iterable[str]) -> tuple[str, ...]:
    return ("-m", "pytest", "-p", "mutation.plugin", *_OPTIONS, *tests)


def _start(job: Job) -> _Running:
    environment = {**os.environ, **job.task.environment(), "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_ADDOPTS", None)
    with _log(job).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and arguments
            [sys.executable, *job.arguments],
            cwd=ROOT / job.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return _Running(job, process, time.monotonic())


def _log(job: Job) -> Path:
    return job.task.file.with_suffix(".log")


def _last_words(job: Job) -> str:
    lines = _log(job).read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return "\n".join([f"{job.task.suite} failed:", *lines])
