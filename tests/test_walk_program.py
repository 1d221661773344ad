"""The README's walks as programs; the first is also run against the containers."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from shared_lib.testing.programs import required_program
from tests.conftest import MakeSystem
from tests.system import System

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / "infra" / "container"
WALKS = {"walk.sh": "## A walk through it", "grow.sh": "## Growing"}
PATHS = {"walk.sh": 9, "grow.sh": 6}
PATH = re.compile(r"(?:localhost:800[01]|\$CORE|\$IDENTITY)(?:/api/v1)?(/[a-z][\w/$.-]*)")
NAMED = re.compile(r"\$\w+")


@pytest.fixture(scope="module")
def system(make_system: MakeSystem) -> System:
    return make_system()


@pytest.mark.database
@pytest.mark.parametrize("walk", WALKS)
def test_the_walk_ends_well_and_may_be_repeated(system: System, walk: str) -> None:
    required_program("curl")
    environ = {
        "PATH": os.environ["PATH"],
        "CORE_URL": system.core.url,
        "IDENTITY_URL": system.identity.url,
        # That it is soon is another test's to say.
        "REVOCATION_SECONDS": "60",
        "MAIL_DIRECTORY": str(system.configuration.data / "mail"),
    }
    for _ in range(2):
        result = subprocess.run(  # noqa: S603 - a program of ours
            [PROGRAMS / walk], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.endswith("The walk is done.\n")


@pytest.mark.parametrize("walk", WALKS)
def test_a_step_that_fails_ends_the_walk(walk: str) -> None:
    required_program("curl")
    environ = {"PATH": os.environ["PATH"], "CORE_PORT": "1", "IDENTITY_PORT": "1"}
    result = subprocess.run(  # noqa: S603 - a program of ours
        [PROGRAMS / walk], env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "The walk is done" not in result.stdout


@pytest.mark.parametrize(("walk", "title"), WALKS.items())
def test_it_goes_where_the_readme_goes(walk: str, title: str) -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition(title)[2].partition("\n## ")[0]
    program = (PROGRAMS / walk).read_text() + (PROGRAMS / "steps.sh").read_text()
    asked, gone = (
        {NAMED.sub("*", path) for path in PATH.findall(text)} for text in (section, program)
    )
    assert len(asked) >= PATHS[walk]
    assert asked <= gone
