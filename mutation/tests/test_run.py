"""Each process of a run is told of as it ends; one that fails keeps no other from counting."""

from pathlib import Path

from mutation.__main__ import told
from mutation._equivalent import EQUIVALENT
from mutation._run import Ended, Job, jobs, run
from mutation._suites import DATABASES, GUARDS, ROUTINES, SOURCES
from mutation._task import Task
from mutation._verdict import Verdict

FOUND = Verdict("gate", "gates", "without `raise`", by=("test",))
UNNOTICED = Verdict("gate", "gates", "without `yield`")
NOT_APPLIED = Verdict("gate", "gates", "without `pass`", error="is what it was")
WRITES = f"""
from pathlib import Path
from mutation._task import Task
from mutation._verdict import Verdict, write_verdict
write_verdict(Task.from_environment().file, {FOUND!r})
"""


def job(directory: Path, suite: str, code: str) -> Job:
    task = Task(suite, str(directory / f"{suite}.jsonl"))
    return Job(task, frozenset({"gate"}), "", ("-c", code))


def test_what_the_others_found_is_there_when_one_fails(tmp_path: Path) -> None:
    chosen = [
        job(tmp_path, "fails", f"{WRITES}\nraise SystemExit('the last words')"),
        job(tmp_path, "holds", WRITES),
        job(tmp_path, "late", WRITES),
    ]
    ended = {each.job.task.suite: each for each in run(chosen)}
    assert ended.keys() == {"fails", "holds", "late"}
    assert all(each.verdicts == (FOUND,) for each in ended.values())
    assert ended["fails"].failure.splitlines() == ["fails failed:", "the last words"]
    assert not ended["holds"].failure + ended["late"].failure


def test_each_suite_says_at_its_end_what_it_missed(tmp_path: Path) -> None:
    where, _, what = next(iter(EQUIVALENT)).partition(": ")
    verdicts = (FOUND, UNNOTICED, NOT_APPLIED, Verdict("function", where, what))
    ended = Ended(job(tmp_path, "gates", ""), verdicts, 61.2)
    assert told(ended, quiet=False).splitlines() == [
        "  gates: 1 of 3 noticed, in 61 s",
        "    not noticed: gates: without `yield`",
        "    not tried: gates: without `pass`",
    ]
    assert told(ended, quiet=True) == ""
    failed = Ended(ended.job, (), 1.0, "gates failed:\nthe last words")
    assert told(failed, quiet=True) == "gates failed:\nthe last words\n"


def test_every_suite_is_run(tmp_path: Path) -> None:
    suites = [each.task.suite for each in jobs(tmp_path, Task("", ""))]
    assert sorted(suites) == sorted([*DATABASES, *GUARDS, *ROUTINES, *SOURCES])
