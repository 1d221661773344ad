"""An installation to be taken apart: both services with demo data, thrown away afterwards."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from infra.checkers.programs import CheckerError
from infra.dev.configuration import BASICS, ROOT
from infra.dev.ports import installation_ports
from infra.dev.processes import end, spawn
from infra.postgres.secrets_file import read_variables

READY: Final = "Phase Zero is running."
START_SECONDS: Final = 180.0
GRACE: Final = 30.0
DOCUMENTS: Final = {"identity": "/openapi.json", "core": "/api/v1/openapi.json"}

_LIMITS = (
    *("RATE_LIMIT_PRINCIPAL", "RATE_LIMIT_ORGANIZATION", "RATE_LIMIT_ADDRESS"),
    *("IDENTITY_SIGN_IN_LIMIT_PAIR", "IDENTITY_SIGN_IN_LIMIT_ADDRESS"),
    *("IDENTITY_SIGN_IN_LIMIT_ACCOUNT", "IDENTITY_SIGN_IN_SLOW_LANE"),
    *("IDENTITY_MAIL_LIMIT_ACCOUNT", "IDENTITY_MAIL_LIMIT_ADDRESS"),
    *("IDENTITY_INVITATION_LIMIT_ADDRESS", "IDENTITY_INVITATION_LIMIT_TENANT"),
    "IDENTITY_INVITATION_LIMIT_RESEND",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the services answer, by their names, and the secrets of the installation."""

    urls: Mapping[str, str]
    secrets: Mapping[str, str]

    def document(self, service: str) -> dict[str, Any]:
        """The OpenAPI document that a service serves."""
        document: dict[str, Any] = self.json("GET", service, DOCUMENTS[service])
        return document

    def json(
        self, method: str, service: str, path: str, token: str | None = None, **options: Any
    ) -> Any:
        """The JSON that one request brings. Raises CheckerError for an error."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = httpx.request(
            method, f"{self.urls[service]}{path}", headers=headers, timeout=GRACE, **options
        )
        if response.is_error:
            raise CheckerError(f"{method} {path} answers {response.status_code}: {response.text}")
        return response.json()

    def sign_in(self, username: str, password: str) -> str:
        """The access token of a person."""
        form = {"username": username, "password": password}
        return str(self.json("POST", "identity", "/token", data=form)["access_token"])

    def client_token(self, client_id: str, secret: str, audience: str) -> str:
        """The token with which one service calls the other."""
        form = {"grant_type": "client_credentials", "audience": audience}
        answer = self.json(
            "POST", "identity", "/token", data=form, auth=(client_id, self.secrets[secret])
        )
        return str(answer["access_token"])


@contextmanager
def running() -> Iterator[Installation]:
    """A whole installation at free ports, without limits of rate. Raises CheckerError."""
    ports = installation_ports()
    with tempfile.TemporaryDirectory(prefix="phase-zero-checkers-") as directory:
        data = Path(directory)
        data.chmod(0o755)  # PostgreSQL, which is not root, must get in
        environ = {
            **{name: os.environ[name] for name in (*BASICS, "POSTGRES_BIN") if name in os.environ},
            **ports,
            **dict.fromkeys(_LIMITS, "off"),
            "DATA_DIR": directory,
            "DATABASE_URL": "",
        }
        log = data / "up.log"
        command = [sys.executable, "-m", "infra.checkers.serve"]
        with log.open("wb") as output:
            process = spawn(command, cwd=ROOT, env=environ, output=output)
        try:
            _wait(process, log)
            yield Installation(
                {
                    "identity": f"http://127.0.0.1:{ports['IDENTITY_PORT']}",
                    "core": f"http://127.0.0.1:{ports['CORE_PORT']}",
                },
                read_variables(data / "secrets.env"),
            )
        finally:
            end(process, signal.SIGTERM, GRACE)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while READY not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            said = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise CheckerError(f"the installation does not start:\n{said}")
        time.sleep(0.1)
