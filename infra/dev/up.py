"""``make up``: PostgreSQL, migrations, demo data, both services and workers, until Ctrl-C."""

import fcntl
import http.client
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from infra.dev.configuration import Configuration, Service
from infra.dev.database import guarded, load_demo, migrate, prepare, start_server
from infra.dev.ports import require_free
from infra.dev.runner import Runner, RunnerError

READY_SECONDS = 60.0
PROBE_SECONDS = 2.0

BANNER = """
Phase Zero is running. Ctrl-C stops it; the data stay in {data}.

  core API   http://localhost:{core}   (documentation: /docs)
  identity   http://localhost:{identity}

  platform@numbersence.com   platform123         platform admin
  support@numbersence.com    support123          support agent
  owner@ admin@ standard@ viewer@ client@ of acme.example.com and of globex.example.com,
                             demo-password-123

  curl -s localhost:{identity}/token -d username=owner@acme.example.com \\
      -d password=demo-password-123
  curl -s localhost:{core}/api/v1/popups -H "Authorization: Bearer $TOKEN"
"""


def run(configuration: Configuration) -> None:
    """Start everything in order, say so, and stay until something ends it."""
    with only_one(configuration.data / "up.lock"), Runner() as runner:
        start_everything(configuration, runner)
        banner = BANNER.format(
            data=configuration.data,
            core=configuration.core.port,
            identity=configuration.identity.port,
        )
        runner.say(banner)
        while True:
            runner.wait(0.2)


def start_everything(configuration: Configuration, runner: Runner) -> None:
    """PostgreSQL, migrations, demo data, services and workers, in order. Raises `FAILURES`."""
    services = (configuration.identity, configuration.core)
    for service in services:
        require_free(service.name, service.port)
        require_free(f"metrics of the {service.worker}", service.metrics_port)
    prepare(configuration, runner, start_server(configuration, runner))
    for service in services:
        migrate(configuration, runner, service)
    for service in reversed(services):  # memberships point at organizations
        load_demo(configuration, runner, service)
    for service in services:  # identity first: the core begins by fetching its keys
        serve(configuration, runner, service)
        wait_until_ready(runner, service)
    for service in services:
        work(configuration, runner, service)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock file. Raises RunnerError while another run holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunnerError(
                f"it already runs here, as process {lock.read()}; Ctrl-C there stops it."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def serve(configuration: Configuration, runner: Runner, service: Service) -> None:
    """Start a service."""
    runner.say(f"Starting {service.name} on port {service.port} …")
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1"]
    command += [
        "--port",
        str(service.port),
        "--no-access-log",
        "--no-server-header",
        "--no-proxy-headers",
    ]
    command += ["--timeout-graceful-shutdown", "5"]
    if configuration.reload:
        command += ["--reload", "--reload-dir", "app", "--reload-dir", "../shared-lib/src"]
    environment = configuration.service_environment(service)
    runner.start(service.name, command, cwd=service.directory, env=environment)


def work(configuration: Configuration, runner: Runner, service: Service) -> None:
    """Start the worker of a service."""
    runner.say(f"Starting {service.worker}, metrics on port {service.metrics_port} …")
    command = [sys.executable, "-m", "app.worker"]
    environment = configuration.worker_environment(service)
    runner.start(service.worker, command, cwd=service.directory, env=environment)


def wait_until_ready(runner: Runner, service: Service) -> None:
    """Wait until the service can serve. Raises RunnerError when it does not become ready."""
    deadline = time.monotonic() + READY_SECONDS
    while (answer := _readiness(service.port)) is not None:
        if time.monotonic() > deadline:
            raise RunnerError(f"{service.name} does not become ready: {answer}")
        runner.wait()


def _readiness(port: int) -> str | None:
    """None when the service is ready, else what it answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return None if response.status == HTTPStatus.OK else f"{response.status} {body}"


if __name__ == "__main__":
    sys.exit(guarded("make up", lambda: run(Configuration.read(os.environ))))
