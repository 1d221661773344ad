"""The reference pages in docs/reference are those of this code."""

from pathlib import Path

import pytest

from app.core.settings import CoreSettings
from app.reference import describable_app
from shared_lib.reference import reference_pages

_PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_pages_are_current() -> None:
    for name, text in reference_pages(describable_app(), CoreSettings).items():
        if (_PAGES / name).read_text() != text:
            pytest.fail(f"docs/reference/{name} is old: run `make docs`")
