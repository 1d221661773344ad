"""Fixtures: the PostgreSQL of the run, a system that a process shares, and one of one's own."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.dev.postgres import FAST_SETTINGS, EmbeddedPostgres
from tests.cluster import Cluster
from tests.people import Caller, sign_in
from tests.system import System

_HANDED_ON = "PHASEZERO_TEST_SYSTEMS"

MakeSystem = Callable[..., System]


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that starts the run; workers find it in the environment."""
    if hasattr(config, "workerinput") or config.option.collectonly or _HANDED_ON in os.environ:
        return
    server = EmbeddedPostgres(settings=FAST_SETTINGS)
    server.start()
    config.add_cleanup(server.stop)
    directory = Path(tempfile.mkdtemp(prefix="phase-zero-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(directory))
    cluster = Cluster.prepare(server.admin_url(), directory)
    os.environ[_HANDED_ON] = json.dumps([cluster.administrator_url, str(cluster.secrets)])
    config.add_cleanup(_forget)


def _forget() -> None:
    del os.environ[_HANDED_ON]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One file, one worker: systems are started per file or per worker, never per test."""
    # Here, because it is there only with xdist, which has no types.
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # noqa: PLC0415

    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    administrator_url, secrets = json.loads(os.environ[_HANDED_ON])
    return Cluster(administrator_url, Path(secrets))


@pytest.fixture(scope="session")
def system(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The system of this process: nothing is stopped or suspended in it."""
    with System(cluster, tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture(scope="module")
def make_system(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeSystem]:
    """Start a system for the tests of one file, with settings of their own."""
    with ExitStack() as running:

        def make(**settings: str) -> System:
            directory = tmp_path_factory.mktemp("system")
            return running.enter_context(System(cluster, directory, **settings))

        yield make


@pytest.fixture(scope="module")
def frail_system(make_system: MakeSystem) -> System:
    return make_system()


@pytest.fixture
def frail(frail_system: System) -> Iterator[System]:
    """A system of this file, whose services may be stopped and killed."""
    yield frail_system
    frail_system.repair()


@pytest.fixture
def owner(system: System) -> Caller:
    return sign_in(system, "owner@acme.example.com")


@pytest.fixture
def agent(system: System) -> Caller:
    return sign_in(system, "support@numbersence.com")


@pytest.fixture
def admin(system: System) -> Caller:
    """The platform's admin, not an organization's."""
    return sign_in(system, "platform@numbersence.com")
