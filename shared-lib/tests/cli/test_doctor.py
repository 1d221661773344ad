"""`phasezero doctor` before it asks anybody anything; the rest is a matter of both services."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared_lib.cli import app
from shared_lib.doctor import EXAMINATIONS

URL = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("localhost:8001",), "localhost:8001 is no URL"),
        ((URL, "--core", "localhost:8000"), "localhost:8000 is no URL"),
        ((URL, "--username", "ada@example.com"), "--username without its secret: --password-file"),
        ((URL, "--client-id", "x"), "--client-id without its secret: --client-secret-file"),
        ((URL, "--accept", "keys.none"), "there is no check keys.none"),
    ],
)
def test_what_is_missing_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["doctor", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_secret_is_no_argument_and_comes_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    lonely = CliRunner().invoke(app, ["doctor", URL, "--password-file", str(file)])
    assert (lonely.exit_code, "--password-file without --username" in lonely.stderr) == (2, True)
    asked = CliRunner(env={"DOCTOR_CLIENT_SECRET": "secret"}).invoke(
        app, ["doctor", URL, "--client-id", "x"]
    )
    assert asked.exit_code == 1
    assert f"{URL} cannot be reached: ConnectError" in asked.stdout


def test_every_check_cites_its_source_and_says_what_holds() -> None:
    assert [each.full_name for each in EXAMINATIONS if not (each.source and each.says)] == []
