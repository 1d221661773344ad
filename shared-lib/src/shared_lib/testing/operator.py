"""`phasezero` for tests, as an operator runs it: a process, an environment, an exit status."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Finished", "Operator"]

_PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Finished:
    """What a run of the program left."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed under `--json`."""
        return json.loads(self.out)


class Operator:
    """Runs the program in an empty directory with settings of its own and nothing else."""

    def __init__(self, directory: Path, settings: dict[str, str]) -> None:
        self.directory = directory
        self.settings = settings

    async def run(self, *arguments: str) -> Finished:
        """Run it to its end. Raises TimeoutError after a minute."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "shared_lib.cli", *arguments),
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], **self.settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), _PATIENCE)
        return Finished(process.returncode or 0, out.decode(), err.decode())
