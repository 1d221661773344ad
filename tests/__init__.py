"""Tests of both services together: real processes, real HTTP, real PostgreSQL."""

import pytest

pytest.register_assert_rewrite("tests.people", "tests.system")
