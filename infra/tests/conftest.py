"""Fixtures: a server for the tests to prepare, directories that its account can reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """A running server that every test of the process shares."""
    with EmbeddedPostgres(settings=FAST_SETTINGS) as running:
        yield running


@pytest.fixture
def directory() -> Iterator[Path]:
    """An empty directory that every account may enter; pytest's own are private."""
    made = Path(tempfile.mkdtemp(prefix="phase-zero-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
