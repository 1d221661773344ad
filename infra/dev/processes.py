"""Child processes: started in sessions of their own, ended with everything they started."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LAUNCH = Path(__file__).with_name("_launch.py")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system that a child runs as."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: int | IO[bytes],
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child whose standard output and error both go to `output`.

    It leads a session of its own, so that Ctrl-C in the terminal reaches only the runner. On
    Linux it receives `death_signal` when the calling thread ends: call this from a thread that
    lives as long as the child should.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    launch = [str(LAUNCH), str(int(death_signal)), str(os.getpid()), str(uid), str(gid)]
    return subprocess.Popen(  # noqa: S603 - the commands are the runner's own
        [sys.executable, "-I", "-S", *launch, *command],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], first: signal.Signals, grace: float) -> None:
    """Send `first`, wait `grace` seconds, then kill whatever is left of the child's session."""
    if process.poll() is None:
        process.send_signal(first)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill(process)
    process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
