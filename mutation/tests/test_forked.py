"""What a forked process answers; one that hangs or dies is told from one that does not."""

import os
from collections.abc import Iterator

import pytest

from mutation._forked import Died, Failed, TookTooLong, from_child, in_child


def test_a_child_that_hangs_or_dies_is_said() -> None:
    def hang() -> None:
        while True:
            pass

    def die() -> None:
        os._exit(3)

    def fail() -> None:
        raise LookupError("gone")

    assert in_child(lambda: [1, "a"], seconds=10) == [1, "a"]
    with pytest.raises(TookTooLong):
        in_child(hang, seconds=0.2)
    with pytest.raises(Died, match="status 3"):
        in_child(die, seconds=10)
    with pytest.raises(Failed, match="LookupError: gone"):
        in_child(fail, seconds=10)


def test_a_child_answers_one_by_one() -> None:
    def work() -> Iterator[int]:
        yield 1
        yield 2
        os._exit(3)

    answers = from_child(work, seconds=10)
    assert [next(answers), next(answers)] == [1, 2]
    with pytest.raises(Died, match="status 3"):
        next(answers)
    assert list(from_child(lambda: iter(range(3)), seconds=10)) == [0, 1, 2]
