"""`phasezero doctor`: the self-test of a deployment, over HTTP and, where it may, SQL."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_lib.cli._checks import exit_status, print_checks
from shared_lib.cli._settings import AsJson, EnvFile, load_settings
from shared_lib.doctor import EXAMINATIONS, Target, examine
from shared_lib.postgres import driver_url
from shared_lib.tokens import CORE_AUDIENCE

__all__ = ["doctor"]

_NAMES = frozenset(each.full_name for each in EXAMINATIONS)
_ROLES = (
    *("identity_app", "identity_auth", "identity_platform", "identity_worker"),
    *("core_app", "core_platform", "core_worker"),
)


class _Settings(BaseSettings):
    """What is looked at where it is there; nothing of it is required."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_prefix="")

    core_url: str | None = None
    doctor_client_secret: SecretStr | None = None
    core_client_id: str = CORE_AUDIENCE
    core_client_secret: SecretStr | None = None
    identity_jwks_max_age: int | None = None
    identity_key_rotation_days: float = Field(default=30, gt=0)
    identity_app_database_url: SecretStr | None = None
    identity_auth_database_url: SecretStr | None = None
    identity_platform_database_url: SecretStr | None = None
    identity_worker_database_url: SecretStr | None = None
    core_app_database_url: SecretStr | None = None
    core_platform_database_url: SecretStr | None = None
    core_worker_database_url: SecretStr | None = None

    def target(self, issuer: str) -> Target:
        """What these settings say of the deployment of `issuer`."""
        urls = {role: getattr(self, f"{role}_database_url") for role in _ROLES}
        secret = self.core_client_secret
        return Target(
            issuer=issuer,
            resource=(self.core_client_id, secret.get_secret_value()) if secret else None,
            databases={
                role: driver_url(url.get_secret_value()) for role, url in urls.items() if url
            },
            max_age=self.identity_jwks_max_age,
            rotation_days=self.identity_key_rotation_days,
        )


_File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, show_default=False)]
_Core = Annotated[
    str | None, typer.Option(help="The core's URL; CORE_URL if it is set.", show_default=False)
]
_Username = Annotated[
    str | None, typer.Option(help="Sign in as this person for the checks of tokens.")
]
_ClientId = Annotated[
    str | None,
    typer.Option(
        help="Or as this service account; its secret is DOCTOR_CLIENT_SECRET or in a file."
    ),
]
_Origin = Annotated[str | None, typer.Option(help="An origin whose pages may call the services.")]
_Accept = Annotated[
    list[str] | None,
    typer.Option(help="A check whose faults you know, by its full name; repeatable."),
]


def doctor(
    url: Annotated[str, typer.Argument(help="The identity service, as its clients call it.")],
    env_file: EnvFile = None,
    *,
    core: _Core = None,
    username: _Username = None,
    password_file: _File = None,
    client_id: _ClientId = None,
    client_secret_file: _File = None,
    origin: _Origin = None,
    accept: _Accept = None,
    as_json: AsJson = False,
) -> None:
    """Examine a deployment from outside, and name the clause for each fault.

    What it is given decides what it looks at: URLs alone the public part, credentials a token and
    its revocation, the database URLs of the environment or the file roles, server and keys. Status
    1 when anything does not hold.
    """
    for name in {*(accept or ())} - _NAMES:
        _misused(f"there is no check {name}")
    settings = load_settings(_Settings, env_file)
    client_secret = settings.doctor_client_secret
    target = replace(
        settings.target(_url(url)),
        core=_url(core or settings.core_url) if core or settings.core_url else None,
        person=_credentials("--username", username, "--password-file", password_file, None),
        client=_credentials(
            "--client-id", client_id, "--client-secret-file", client_secret_file, client_secret
        ),
        origin=origin,
    )
    checks = asyncio.run(examine(target, accepted=accept or ()))
    print_checks(checks, as_json=as_json)
    raise typer.Exit(exit_status(checks))


def _url(text: str | None) -> str:
    parts = urlsplit(text or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        _misused(f"{text} is no URL: https://identity.example.com is one")
    return text or ""


def _credentials(
    option: str, name: str | None, file_option: str, file: Path | None, secret: SecretStr | None
) -> tuple[str, str] | None:
    """A name and its secret, both or neither."""
    if name is None:
        if file is not None:
            _misused(f"{file_option} without {option}")
        return None
    if file is not None:
        return name, file.read_text(encoding="utf-8").strip("\r\n")
    if secret is None:
        _misused(f"{option} without its secret: {file_option}")
        return None
    return name, secret.get_secret_value()


def _misused(text: str) -> None:
    typer.echo(text, err=True)
    raise typer.Exit(2)
