"""What is accepted, what is not, and what is accepted in vain."""

from pathlib import Path

import pytest

from infra.checkers.__main__ import main
from infra.checkers.findings import Accepted, AcceptedError, Finding
from infra.checkers.programs import CheckerError, run

ENTRY = """
[[accepted]]
by = ["tool"]
rules = ["R1", "R2"]
at = ["here", "there: *"]
reason = "Because."
"""
FOUND = [
    Finding(rule, at, "text")
    for rule in ("R1", "R2")
    for at in ("here", "there: a [b]", "there: c")
]


def accepted(directory: Path, text: str = ENTRY) -> Accepted:
    (directory / "tool.toml").write_text(text)
    return Accepted.read(directory)


def test_what_is_accepted_is_no_fault(tmp_path: Path) -> None:
    assert accepted(tmp_path).faults("tool", FOUND) == ()


@pytest.mark.parametrize(
    "finding",
    [Finding("R3", "here", "text"), Finding("R1", "elsewhere", "text"), Finding("R1", "there", "")],
)
def test_anything_else_is_a_fault(tmp_path: Path, finding: Finding) -> None:
    faults = accepted(tmp_path).faults("tool", [*FOUND, finding])
    assert faults == (f"{finding.rule} at {finding.at}: {finding.text}",)


def test_another_check_accepts_nothing_of_it(tmp_path: Path) -> None:
    assert len(accepted(tmp_path).faults("other", FOUND)) == len(FOUND)


def test_what_is_found_no_more_must_leave_the_list(tmp_path: Path) -> None:
    faults = accepted(tmp_path).faults("tool", FOUND[1:])
    assert faults == ("R1 at here is accepted, but found no more: Because.",)


@pytest.mark.parametrize(
    "text", [ENTRY.replace("Because.", " "), ENTRY.replace('reason = "Because."', "")]
)
def test_an_acceptance_needs_a_reason(tmp_path: Path, text: str) -> None:
    with pytest.raises(AcceptedError, match=r"tool\.toml"):
        accepted(tmp_path, text)


def test_an_acceptance_of_no_check_is_told(tmp_path: Path) -> None:
    read = accepted(tmp_path)
    assert read.strays() == ("accepted/ names tool, which is no check",)
    read.faults("tool", FOUND)
    assert read.strays() == ()


def test_the_lists_of_the_project_can_be_read() -> None:
    assert Accepted.read().acceptances


def test_a_program_that_cannot_run_is_told() -> None:
    with pytest.raises(CheckerError, match="bandit ended with 2"):
        run("bandit", "--no-such-option")
    with pytest.raises(CheckerError, match="no-such-program did not run"):
        run("no-such-program")


def test_unknown_checkers_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["checkers", "lint"])
    assert main() == 2
    assert "No checker is called lint, but: bandit" in capsys.readouterr().err
