"""Where the commands find what they work on: the environment, else a file of secrets."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_lib.keys import Schedule
from shared_lib.postgres import driver_url
from shared_lib.tokens import LONGEST_LIFE

__all__ = ["EnvFile", "KeySettings", "load_key_settings"]

_DEFAULT_FILE = Path(".data/secrets.env")

EnvFile = Annotated[
    Path | None,
    typer.Option(
        help=f"File of settings for what the environment lacks; {_DEFAULT_FILE} if it exists.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]


class KeySettings(BaseSettings):
    """What the identity service knows about its signing keys, under the same names."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore", frozen=True)

    worker_database_url: SecretStr
    """URL of the database `identity` for the role `identity_worker`."""
    encryption_key: SecretStr
    """Fernet keys separated by commas: the first encrypts, each of them decrypts."""
    jwks_max_age: int = Field(default=300, ge=1)
    """Seconds for which verifiers keep a key set."""
    key_margin: int = Field(default=60, ge=1)
    """Seconds by which processes may lag behind each other."""
    longest_token: int = Field(default=LONGEST_LIFE, ge=1)
    """Seconds that the longest-lived token lives."""

    @property
    def schedule(self) -> Schedule:
        """How long the steps of a rotation take."""
        return Schedule(
            max_age=self.jwks_max_age,
            margin=self.key_margin,
            longest_token=self.longest_token,
        )

    @property
    def dsn(self) -> str:
        """The URL as asyncpg reads it."""
        return driver_url(self.worker_database_url.get_secret_value())


def load_key_settings(env_file: Path | None) -> KeySettings:
    """Read the settings; exits with status 2 and the names of those that are missing or wrong."""
    if env_file is None and _DEFAULT_FILE.is_file():
        env_file = _DEFAULT_FILE
    try:
        return KeySettings(_env_file=env_file)  # type: ignore[call-arg]  # pydantic-settings has it
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            name = "IDENTITY_" + "_".join(map(str, problem["loc"])).upper()
            typer.echo(f"{name}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error
