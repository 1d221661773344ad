"""`phasezero` against a system under test: the real program, as an operator runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.system import System

PHASEZERO = Path(sys.executable).with_name("phasezero")


def phasezero(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with what both services are given."""
    environment = {**system.environment(system.core), **system.environment(system.identity)}
    return subprocess.run(  # noqa: S603 - our own program
        [str(PHASEZERO), *arguments],
        env=environment,
        cwd=system.identity.log.path.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def answer(system: System, *arguments: str) -> Any:
    """What it prints under `--json`, whatever its status."""
    result = phasezero(system, *arguments, "--json")
    assert result.stdout, result.stderr
    return json.loads(result.stdout)
