"""A real PostgreSQL, whose own errors are what is mapped."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# infra is part of the repository, not of a package that is installed.
sys.path.append(str(Path(__file__).parents[3]))

from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres  # noqa: E402


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with EmbeddedPostgres(settings=FAST_SETTINGS) as server:
        yield server.admin_url()
