"""What the source of the service keeps to: small files, one direction, nobody commits by hand."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "app").rglob("*.py"))


def test_the_code_under_test_is_this_directorys() -> None:
    assert app.__file__ is not None
    assert Path(app.__file__).is_relative_to(ROOT)
    assert Path.cwd() == ROOT


def test_imports_go_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(  # noqa: S603 - the contracts of pyproject.toml
        [linter], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    contracts = (ROOT / "pyproject.toml").read_text()
    for resource in sorted(path.parent.name for path in SOURCES if path.name == "repository.py"):
        assert f'protected_modules = ["app.modules.{resource}.repository"]' in contracts
        assert f'protected_modules = ["app.modules.{resource}.models"]' in contracts


def test_codes_are_unique_in_the_source() -> None:
    """The registry refuses a second class; this one sees classes that nobody imports, too."""
    assigned = Counter(
        node.value.value
        for tree in _trees(ROOT / "app", ROOT.parent / "shared-lib" / "src")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and [getattr(target, "id", None) for target in node.targets] == ["code"]
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    assert assigned["popup_slug_taken"] == 1
    assert [code for code, times in assigned.items() if times > 1] == []


def _trees(*directories: Path) -> Iterator[ast.Module]:
    for directory in directories:
        for path in sorted(directory.rglob("*.py")):
            yield ast.parse(path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the first line says what belongs in the file"
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, functions)
    }
    assert {name: length for name, length in lengths.items() if length > 40} == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_commits_by_hand(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "set_session")
    ]
    assert calls == []
