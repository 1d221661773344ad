"""How a mutation gets into a running process, and that one which changes nothing says so."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from mutation._forked import in_child
from mutation._source import apply, source_mutations
from mutation._verdict import NotApplied

SOURCE = """
from functools import cache

REFUSED = frozenset({"jku", "crit"})

@cache
def check(name):
    if name in REFUSED:
        raise ValueError(name)
    return name

def made_of(limit):
    def inner(value):
        if value > limit:
            raise ValueError(value)
        return value
    return inner
"""


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "sample.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("app.sample")
    yield module
    del sys.modules["app.sample"], sys.modules["app"]


def after(module: ModuleType, what: str, call: str) -> object:
    """What `call` gives in a process to which the mutation was applied."""
    mutation = next(each for each in source_mutations("gate", [module]) if what in each.what)

    def work() -> object:
        apply(mutation)
        return eval(call, vars(module))  # noqa: S307

    return in_child(work, seconds=10)


def test_a_function_is_changed_whoever_wrapped_it(sample: ModuleType) -> None:
    assert after(sample, "raise ValueError(name)", "check('jku')") == "jku"
    with pytest.raises(ValueError, match="jku"):
        sample.check("jku")


def test_a_function_within_another_is_changed(sample: ModuleType) -> None:
    assert after(sample, "raise ValueError(value)", "made_of(1)(2)") == 2


def test_a_constant_is_changed(sample: ModuleType) -> None:
    assert after(sample, "REFUSED without `'jku'`", "sorted(REFUSED)") == ["crit"]


def test_a_mutation_that_changes_nothing_is_an_error(sample: ModuleType) -> None:
    mutation = next(each for each in source_mutations("gate", [sample]) if "value" in each.what)
    del sample.made_of
    with pytest.raises(NotApplied):
        apply(mutation)
