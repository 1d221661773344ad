"""The reference pages in docs/reference are those of this code."""

from pathlib import Path

import pytest

from app.core.models import DATABASE
from app.core.settings import CoreSettings
from app.modules.models import metadata
from app.reference import describable_app
from shared_lib.prove import declared_file, declared_text
from shared_lib.reference import reference_pages

_PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_pages_are_current() -> None:
    for name, text in reference_pages(describable_app(), CoreSettings).items():
        if (_PAGES / name).read_text() != text:
            pytest.fail(f"docs/reference/{name} is old: run `make docs`")


def test_the_declarations_that_prove_reads_are_current() -> None:
    if declared_file(DATABASE).read_text() != declared_text(metadata):
        pytest.fail(f"{declared_file(DATABASE).name} is old: run `make docs`")
