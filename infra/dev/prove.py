"""``make prove``: an installation of its own is started, taken apart and stopped."""

import os
import shutil
import sys
from dataclasses import replace

from infra.dev._placement import server_account, temporary_directory
from infra.dev.configuration import BASICS, ROOT, Configuration
from infra.dev.database import guarded
from infra.dev.ports import free_port
from infra.dev.runner import Runner
from infra.dev.up import start_everything

PORTS = (
    "CORE_PORT",
    "CORE_METRICS_PORT",
    "IDENTITY_PORT",
    "IDENTITY_METRICS_PORT",
    "POSTGRES_PORT",
)
ACCEPTED = ("version",)
"""What is no fault of the system: the wheel's PostgreSQL is older than the repaired one."""


def run() -> None:
    """Start, prove, stop. Raises RunnerError when the proof fails."""
    directory = temporary_directory(server_account(ROOT))
    try:
        with Runner() as runner:
            configuration = configured(str(directory))
            start_everything(configuration, runner)
            prove(configuration, runner, sys.argv[1:])
    finally:
        shutil.rmtree(directory)


def configured(directory: str) -> Configuration:
    """Everything in `directory` and on free ports, whatever the environment and ``.env`` say."""
    basics = {name: os.environ[name] for name in (*BASICS, "POSTGRES_BIN") if name in os.environ}
    ports = {name: str(free_port()) for name in PORTS}
    environ = {**basics, **ports, "DATA_DIR": directory}
    return replace(Configuration.read(environ), dotenv={}, database_url=None)


def prove(configuration: Configuration, runner: Runner, options: list[str]) -> None:
    """Run `phasezero prove` with `options`. Raises RunnerError when anything does not hold."""
    command = [sys.executable, "-m", "shared_lib.cli", "prove"]
    command += ["--env-file", str(configuration.secrets_path)]
    command += ["--core", configuration.core.url, "--identity", configuration.identity.url]
    command += [word for name in ACCEPTED for word in ("--accept", name)]
    environment = {name: os.environ[name] for name in BASICS if name in os.environ}
    runner.complete("prove", [*command, *options], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(guarded("make prove", run))
