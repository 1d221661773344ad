"""What the source of the library keeps to: small files, no product, one importer of python-jose."""

import ast
from pathlib import Path

import pytest

import shared_lib

ROOT = Path(__file__).resolve().parents[1] / "src" / "shared_lib"
SOURCES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def importers(package: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(name == package or name.startswith(f"{package}.") for name in imported(path))
    ]


def test_the_code_under_test_is_this_directorys() -> None:
    assert shared_lib.__file__ is not None
    assert Path(shared_lib.__file__).parent == ROOT


def test_it_knows_no_service_and_python_jose_in_one_place() -> None:
    assert importers("app") == []
    assert importers("jose") == ["tokens/_signature.py"]
    assert importers("infra") == ["testing/postgres.py"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the first line says what belongs in the file"
    assert len(text.splitlines()) <= 300
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > 40} == {}
