"""The README's walk as a program, which is also run against the containers."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from shared_lib.testing.programs import required_program
from tests.conftest import MakeSystem

ROOT = Path(__file__).parents[1]
WALK = ROOT / "infra" / "container" / "walk.sh"
PATH = re.compile(r"(?:localhost:800[01]|\$CORE|\$IDENTITY)(?:/api/v1)?(/[a-z][\w/$.-]*)")
NAMED = re.compile(r"\$\w+")


@pytest.mark.database
def test_the_walk_ends_well_and_may_be_repeated(make_system: MakeSystem) -> None:
    required_program("curl")
    system = make_system()
    environ = {
        "PATH": os.environ["PATH"],
        "CORE_URL": system.core.url,
        "IDENTITY_URL": system.identity.url,
    }
    for _ in range(2):
        result = subprocess.run(  # noqa: S603 - a program of ours
            [WALK], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.endswith("The walk is done.\n")


def test_a_step_that_fails_ends_the_walk() -> None:
    required_program("curl")
    environ = {"PATH": os.environ["PATH"], "CORE_PORT": "1", "IDENTITY_PORT": "1"}
    result = subprocess.run(  # noqa: S603 - a program of ours
        [WALK], env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "The walk is done" not in result.stdout


def test_it_goes_where_the_readme_goes() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## A walk through it")[2].partition("\n## ")[0]
    asked, gone = (
        {NAMED.sub("*", path) for path in PATH.findall(text)}
        for text in (section, WALK.read_text())
    )
    assert len(asked) > 8
    assert asked <= gone
