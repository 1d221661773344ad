"""The Dockerfiles, as far as they can be judged without an engine."""

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from infra.dev.configuration import Configuration, Service
from infra.dev.runner import Runner
from infra.dev.up import serve

ROOT = Path(__file__).parents[2]
SERVICES = {"identity-service": 8001, "product-core-api": 8000}
FILES = [*(f"{name}/Dockerfile" for name in SERVICES), "infra/container/Dockerfile"]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|DATABASE_URL", re.IGNORECASE)
every_file = pytest.mark.parametrize("path", FILES)


def instructions(path: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order: the word in capitals, and what follows it."""
    text = (ROOT / path).read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word.upper(), rest.strip()) for word, _, rest in pairs]


def last_stage(path: str) -> list[tuple[str, str]]:
    found = instructions(path)
    start = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def values(path: str, word: str) -> list[str]:
    return [rest for found, rest in last_stage(path) if found == word]


def test_there_are_no_others() -> None:
    places = [place for place in ROOT.iterdir() if not place.name.startswith(".")]
    named = [path for place in places for path in (place, *place.rglob("*Dockerfile*"))]
    found = {str(path.relative_to(ROOT)) for path in named if "Dockerfile" in path.name}
    assert found == set(FILES)


@every_file
def test_any_builder_understands_it(path: str) -> None:
    text = (ROOT / path).read_text()
    assert not re.search(r"^\s*#\s*(syntax|check|escape)\s*=", text, re.MULTILINE)
    assert "<<" not in text
    for word, rest in instructions(path):
        assert not (word in {"COPY", "ADD"} and "--link" in rest)
        assert not (word == "RUN" and "--mount" in rest)


@every_file
def test_base_images_are_named_by_arguments(path: str) -> None:
    found = instructions(path)
    before = found[: [word for word, _ in found].index("FROM")]
    assert before == [("ARG", "PYTHON_IMAGE=python:3.11-slim")]
    stages = [rest for word, rest in found if word == "FROM"]
    assert stages == ["${PYTHON_IMAGE} AS packages", "${PYTHON_IMAGE}"]


@every_file
def test_packages_are_those_of_the_lock_file(path: str) -> None:
    version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version
    assert ("ARG", f"UV_VERSION={version[1]}") in instructions(path)
    syncs = [rest for word, rest in instructions(path) if word == "RUN" and "uv sync" in rest]
    assert len(syncs) == 2
    chosen = "--all-packages" if path.startswith("infra") else f"--package {Path(path).parent}"
    for sync in syncs:
        assert f"--frozen --no-dev {chosen} " in sync


@every_file
def test_it_runs_as_nobody_in_particular(path: str) -> None:
    assert values(path, "USER") == ["10001:10001"]
    words = [word for word, _ in last_stage(path)]
    assert not {"RUN", "COPY", "ADD"} & set(words[words.index("USER") :])


@every_file
def test_no_secret_is_built_in(path: str) -> None:
    for word, rest in instructions(path):
        if word in {"ARG", "ENV"}:
            assert not SECRET.search(rest), rest


@every_file
def test_what_it_copies_is_in_the_context(path: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    for word, rest in instructions(path):
        if word != "COPY" or rest.startswith("--from"):
            continue
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
            inside = [each for each in kept if f"{each}/".startswith(f"{source}/")]
            above = [each for each in kept if f"{source}/".startswith(f"{each}/")]
            assert inside or above, f".dockerignore leaves {source} out"


@pytest.mark.parametrize(
    "path", [".env", ".data/secrets.env", ".git/config", "product-core-api/tests/conftest.py"]
)
def test_what_no_image_may_hold_is_not_in_the_context(path: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    for kept in (line.removeprefix("!") for line in patterns if line.startswith("!")):
        assert not fnmatch.fnmatch(path, kept)
        assert not path.startswith(f"{kept}/")


@pytest.mark.parametrize(("name", "port"), SERVICES.items())
def test_a_service_is_served_as_in_development(name: str, port: int) -> None:
    path = f"{name}/Dockerfile"
    (command,) = values(path, "CMD")
    assert json.loads(command) == command_of_development(name, port)
    assert values(path, "ENTRYPOINT") == ['["with-secrets"]']
    assert values(path, "EXPOSE") == [str(port)]


@pytest.mark.parametrize(("name", "port"), SERVICES.items())
def test_a_service_says_whether_it_lives(name: str, port: int) -> None:
    (check,) = values(f"{name}/Dockerfile", "HEALTHCHECK")
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"]
    assert f"http://127.0.0.1:{port}/health/live" in program[2]


def test_what_ends_by_itself_has_no_health() -> None:
    path = "infra/container/Dockerfile"
    assert values(path, "HEALTHCHECK") == ["NONE"]
    assert values(path, "CMD") == ['["python", "-m", "infra.container.prepare"]']


class Recorder(Runner):
    """Takes the commands that `make up` would start."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[list[str]] = []

    @override
    def say(self, text: str, name: str = "") -> None:
        return

    @override
    def start(
        self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        self.commands.append(list(command))


def command_of_development(name: str, port: int) -> list[str]:
    """How `make up` starts the service, but for the address and the Python."""
    configuration = Configuration.read({"DATA_DIR": "/nonexistent"})
    service = next(
        each for each in (configuration.identity, configuration.core) if each.directory.name == name
    )
    recorder = Recorder()
    moved = Service(service.name, service.database, port, service.metrics_port, service.directory)
    serve(configuration, recorder, moved)
    (command,) = recorder.commands
    command[0] = "python"
    command[command.index("--host") + 1] = "0.0.0.0"  # noqa: S104 - of a container
    return command
