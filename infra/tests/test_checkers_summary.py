"""What a run says in the end, and its exit status."""

from collections.abc import Iterator

import pytest

from infra.checkers.__main__ import Checker, run
from infra.checkers.findings import Accepted
from infra.checkers.programs import CheckerError
from shared_lib.checks import Check


def looked(_: Accepted) -> Iterator[Check]:
    yield Check("tool", "tool.a", "3 files")


def reached_nobody(_: Accepted) -> Iterator[Check]:
    yield Check("audit", "audit", "0 packages", skipped="no data about 3 packages")


def found(_: Accepted) -> Iterator[Check]:
    yield Check("tool", "tool.b", "4 files", ("R1 at here: bad",))


def broke(accepted: Accepted) -> Iterator[Check]:
    yield from looked(accepted)
    raise CheckerError("it did not start")


@pytest.mark.parametrize(
    ("chosen", "status", "said"),
    [
        ([looked], 0, "3 files"),
        ([looked, reached_nobody], 0, "audit: not run: no data about 3 packages"),
        ([reached_nobody], 1, "audit: not run: no data about 3 packages"),
        ([looked, found], 1, "R1 at here: bad"),
        ([looked, broke], 1, "it did not start"),
    ],
)
def test_a_run_says_what_it_did_not_do(
    chosen: list[Checker], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {str(number): checker for number, checker in enumerate(chosen)}
    assert run(named, Accepted()) == status
    assert said in capsys.readouterr().out
