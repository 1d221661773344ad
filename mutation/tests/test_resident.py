"""Changes that one session of tests is asked about: what is a complaint, and what has spoilt it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mutation._run import ROOT

TESTS = """
import os
from pathlib import Path
import pytest

spoilt = []

@pytest.fixture(scope="session")
def once():
    with Path("sessions").open("a") as file:
        file.write("x")

def test_before(once):
    assert Path("state").read_text() != "before"

def test_state(once):
    state = Path("state").read_text()
    if state == "dies":
        os._exit(3)
    spoilt.extend([state] if state == "spoils" else [])
    assert not spoilt
    assert state not in ("noticed", {extra!r})
"""
RUN = """
import json, sys, pytest
from functools import partial
from pathlib import Path
from mutation._resident import Change, asked
from mutation._verdict import NotApplied

def put(state):
    if state == "refused":
        raise NotApplied(state)
    Path("state").write_text(state)

class Plugin:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        undo = partial(put, "as it was")
        changes = [Change(partial(put, state), undo, session.items) for state in sys.argv[1:]]
        with Path("answers").open("w") as file:
            for answer in asked(session, changes):
                said = str(answer) if isinstance(answer, NotApplied) else answer
                file.write(json.dumps(said) + "\\n")
        return True

sys.exit(pytest.main(["-q", "-n", "0", "test_state.py"], plugins=[Plugin()]))
"""
NOTICED = ["test_state.py::test_state"]


def ask(directory: Path, *states: str, extra: str = "") -> subprocess.CompletedProcess[str]:
    (directory / "test_state.py").write_text(TESTS.format(extra=extra))
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", RUN, *states],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def answers(directory: Path) -> list[object]:
    return [json.loads(line) for line in (directory / "answers").read_text().splitlines()]


def test_one_session_is_asked_about_all_changes(tmp_path: Path) -> None:
    result = ask(tmp_path, "noticed", "unseen", "refused", "before", "noticed")
    assert result.returncode == 0, result.stdout + result.stderr
    before = ["test_state.py::test_before"]
    assert answers(tmp_path) == [NOTICED, [], "refused", before, NOTICED]
    assert (tmp_path / "sessions").read_text() == "x"
    assert (tmp_path / "state").read_text() == "as it was"


def test_a_change_that_spoils_the_session_spoils_no_other_answer(tmp_path: Path) -> None:
    result = ask(tmp_path, "unseen", "spoils", "unseen", "dies", "unseen", "noticed")
    assert result.returncode == 0, result.stdout + result.stderr
    died = ["the process of the tests died: the child ended with status 3"]
    assert answers(tmp_path) == [[], NOTICED, [], died, [], NOTICED]
    assert (tmp_path / "state").read_text() == "as it was"


def test_who_complains_of_nothing_counts_for_nothing(tmp_path: Path) -> None:
    result = ask(tmp_path, "unseen", extra="as it was")
    assert result.returncode == 0, result.stdout + result.stderr
    result = ask(tmp_path, "noticed", extra="as it was")
    assert result.returncode != 0
    assert "BaselineFailed: test_state.py::test_state" in result.stdout + result.stderr
