"""Runs the checkers' programs, which the lock file brings into the environment of this Python."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 600.0


class CheckerError(Exception):
    """A checker could not do its work; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and what it wrote."""

    status: int
    output: str
    errors: str


def run(
    name: str,
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    statuses: Sequence[int] = (0, 1),
) -> Outcome:
    """Run a program of the environment. Raises CheckerError for any other exit status."""
    return run_command(
        [str(Path(sys.executable).with_name(name)), *arguments],
        cwd=cwd,
        env=env,
        statuses=statuses,
    )


def run_command(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    statuses: Sequence[int] = (0,),
) -> Outcome:
    """Run a command to its end, at most ten minutes. Raises CheckerError."""
    try:
        result = subprocess.run(  # noqa: S603 - the commands of this package
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckerError(f"{Path(command[0]).name} did not run: {error}") from error
    if result.returncode not in statuses:
        said = (result.stderr or result.stdout).strip()[-2000:]
        raise CheckerError(f"{Path(command[0]).name} ended with {result.returncode}: {said}")
    return Outcome(result.returncode, result.stdout, result.stderr)
