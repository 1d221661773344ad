"""``make prove``: an installation of its own is started, taken apart and stopped."""

import os
import shutil
import sys
from collections import deque
from dataclasses import replace

from typing_extensions import override

from infra.dev._placement import server_account, temporary_directory
from infra.dev.configuration import BASICS, ROOT, Configuration
from infra.dev.database import guarded
from infra.dev.ports import installation_ports
from infra.dev.runner import Runner, RunnerError
from infra.dev.up import start_everything

# No fault of the system: the wheel carries a PostgreSQL that is older than the repaired one.
ACCEPTED = ("version",)
TOLD_LINES = 40
PROVE = "prove"


class QuietRunner(Runner):
    """Prints what is proved. Of the services only the last lines are told, and only in trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.last: deque[str] = deque(maxlen=TOLD_LINES)

    @override
    def say(self, text: str, name: str = "") -> None:
        if name == PROVE:
            super().say(text or " ")
        elif name:
            self.last.extend(f"{name} | {line}" for line in text.splitlines())
        else:
            sys.stderr.write(f"{text}\n")


def run() -> None:
    """Start, prove, stop. Raises RunnerError when anything does not hold."""
    directory = temporary_directory(server_account(ROOT))
    try:
        with QuietRunner() as runner:
            configuration = configured(str(directory))
            try:
                start_everything(configuration, runner)
            except RunnerError:
                sys.stderr.write("\n".join([*runner.last, ""]))
                raise
            prove(configuration, runner, sys.argv[1:])
    finally:
        shutil.rmtree(directory)


def configured(directory: str) -> Configuration:
    """Everything in `directory` and on free ports, whatever the environment and ``.env`` say."""
    basics = {name: os.environ[name] for name in BASICS if name in os.environ}
    environ = {**basics, **installation_ports(), "DATA_DIR": directory}
    return replace(Configuration.read(environ), dotenv={}, database_url=None)


def prove(configuration: Configuration, runner: Runner, options: list[str]) -> None:
    """Run `phasezero prove` with `options`. Raises RunnerError when anything does not hold."""
    command = [sys.executable, "-m", "shared_lib.cli", PROVE]
    command += ["--env-file", str(configuration.secrets_path)]
    command += ["--core", configuration.core.url, "--identity", configuration.identity.url]
    command += [word for name in ACCEPTED for word in ("--accept", name)]
    environment = {name: os.environ[name] for name in BASICS if name in os.environ}
    runner.complete(PROVE, [*command, *options], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(guarded("make prove", run))
