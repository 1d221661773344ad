"""Programs of the operating system that some tests need."""

import os
import shutil

import pytest


def required_program(name: str) -> str:
    """The path of a program. Skips the test where it is missing; with CI=true that is a failure."""
    found = shutil.which(name)
    if found is not None:
        return found
    reason = f"{name} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
