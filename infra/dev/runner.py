"""Runs children for a person at a terminal: their output by line, signals, an orderly end."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

from infra.dev.processes import end, kill, spawn

STEP = 0.05  # seconds between two looks at the children
GRACE = 8.0  # seconds; uvicorn's own limit for running requests is shorter


class RunnerError(Exception):
    """Something that ends the run with status 1; the message is for the person."""


class Interrupted(Exception):
    """The person or the system asked the run to end."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running child and the thread that passes its output on."""

    name: str
    process: subprocess.Popen[bytes]
    output: threading.Thread


class Runner:
    """Starts children and ends all of them, last one first, when its context is left.

    Only one exists in a process: it owns SIGINT, SIGTERM and SIGHUP. A first signal ends the run
    at the next `check`; a further one kills what still runs.
    """

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._processes: list[subprocess.Popen[bytes]] = []  # commands included
        self._held: list[tuple[str, Callable[[], None]]] = []
        self._watched: list[tuple[str, Callable[[], bool]]] = []
        self._signalled = False
        self._ending = False
        self._write_lock = threading.Lock()

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ending = True
        for child in reversed(self._children):
            self.say(f"Stopping {child.name} …")
            end(child.process, signal.SIGTERM, GRACE)
            child.output.join(timeout=1.0)
        for name, stop in reversed(self._held):
            self.say(f"Stopping {name} …")
            stop()

    def say(self, text: str, name: str = "") -> None:
        """Write lines for the person; those of a child carry its name."""
        prefix = f"{name:>8} | " if name else ""
        try:
            with self._write_lock:
                sys.stdout.write("".join(f"{prefix}{line}\n" for line in text.splitlines()))
                sys.stdout.flush()
        except OSError:  # nobody reads on: end, and go on emptying the children's pipes
            self._signalled = True

    def check(self) -> None:
        """Raise Interrupted when a signal came, RunnerError when a child has ended by itself."""
        if self._signalled:
            raise Interrupted
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                child.output.join(timeout=1.0)
                raise RunnerError(f"{child.name} has ended by itself ({_outcome(status)}).")
        for name, lives in self._watched:
            if not lives():
                raise RunnerError(f"{name} has ended by itself.")

    def hold(self, name: str, stop: Callable[[], None]) -> None:
        """Call `stop` when the run ends, after all children."""
        self._held.append((name, stop))

    def watch(self, name: str, lives: Callable[[], bool]) -> None:
        """Let `check` raise when something that somebody else started does not live any more."""
        self._watched.append((name, lives))

    def wait(self, seconds: float = STEP) -> None:
        """Let time pass, as long as nothing happens that ends the run."""
        self.check()
        time.sleep(seconds)

    def start(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        """Start a child that lives until the run ends."""
        self._children.append(self._spawn(name, command, cwd, env))

    def complete(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        """Run a command to its end. Raises RunnerError when it fails."""
        child = self._spawn(name, command, cwd, env)
        try:
            while child.process.poll() is None:
                self.wait()
        finally:
            end(child.process, signal.SIGTERM, GRACE)
            child.output.join(timeout=1.0)
        if child.process.returncode != 0:
            raise RunnerError(
                f"{name}: {command[2]} failed ({_outcome(child.process.returncode)})."
            )

    def _spawn(self, name: str, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Child:
        process = spawn(command, cwd=cwd, env=env, output=subprocess.PIPE)
        self._processes.append(process)
        assert process.stdout is not None  # noqa: S101 - asked for in the line above
        output = threading.Thread(target=self._pass_on, args=(name, process.stdout), daemon=True)
        output.start()
        return Child(name, process, output)

    def _pass_on(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.say(line.decode(errors="replace").rstrip(), name)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._ending or self._signalled:
            for process in self._processes:
                if process.returncode is None:
                    kill(process)
        self._signalled = True


def _outcome(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
