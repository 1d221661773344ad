"""A whole run over a package of three functions, in a process of its own as in `make mutate`."""

import os
import subprocess
import sys
from pathlib import Path

from mutation._run import ROOT
from mutation._task import Task
from mutation._verdict import Verdict, read_verdicts

SOURCE = """
_PAIRED = dict(zip(("a",), ("b",), strict=True))

def refuse(name):
    if name in _PAIRED:
        raise ValueError(name)

def check(length):
    if length < 1:
        raise ValueError("nothing")
    if length > 9:
        raise ValueError("too much")
    return length

def unreached(length):
    if length:
        raise ValueError("nobody asks")
"""
TESTS = """
import pytest
from sample import check

def test_nothing():
    with pytest.raises(ValueError, match="nothing"):
        check(0)

def test_much():
    {much}

def test_good():
    assert check(5) == 5
"""
RUN = """
import sys, pytest
from mutation import _suites
_suites.SOURCES["sample"] = _suites.SourceSuite("gate", "", ("sample",), ())
sys.exit(pytest.main(["-q", "-n", "0", "-p", "mutation.plugin", "test_sample.py"]))
"""
ASKS = 'with pytest.raises(ValueError, match="too much"):\n        check(10)'


def tried(directory: Path, much: str) -> tuple[subprocess.CompletedProcess[str], list[Verdict]]:
    (directory / "sample.py").write_text(SOURCE)
    (directory / "test_sample.py").write_text(TESTS.format(much=much))
    task = Task("sample", str(directory / "results.jsonl"))
    path = os.pathsep.join((str(ROOT), str(directory)))
    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", RUN],
        cwd=directory,
        env={**os.environ, **task.environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return result, list(read_verdicts([task.file]))


def test_what_a_test_asks_is_noticed_and_what_none_asks_is_not(tmp_path: Path) -> None:
    result, verdicts = tried(tmp_path, ASKS)
    assert result.returncode == 0, result.stdout + result.stderr
    by = {verdict.what: verdict.by for verdict in verdicts if not verdict.error}
    assert by == {
        "without `raise ValueError('nothing')`": ("test_sample.py::test_nothing",),
        "without `raise ValueError('too much')`": ("test_sample.py::test_much",),
        "without `raise ValueError('nobody asks')`": (),
        "without `raise ValueError(name)`": (),
    }


def test_a_mutation_that_cannot_be_made_is_an_error_of_its_own(tmp_path: Path) -> None:
    result, verdicts = tried(tmp_path, ASKS)
    assert result.returncode == 0, result.stdout + result.stderr
    errors = {verdict.what: verdict.error for verdict in verdicts if verdict.error}
    assert errors.keys() == {"_PAIRED without `'a'`", "_PAIRED without `'b'`"}
    assert all(error.startswith("ValueError: zip()") for error in errors.values())


def test_a_weakened_test_shows(tmp_path: Path) -> None:
    _, verdicts = tried(tmp_path, "check(9)")
    unnoticed = [verdict.what for verdict in verdicts if not verdict.by]
    assert "without `raise ValueError('too much')`" in unnoticed


def test_tests_that_fail_anyway_count_for_nothing(tmp_path: Path) -> None:
    result, verdicts = tried(tmp_path, "check(10)")
    assert result.returncode != 0
    assert "BaselineFailed: test_sample.py::test_much" in result.stdout + result.stderr
    assert verdicts == []
