"""Where the commands find what they work on: the environment, else a file of secrets."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_lib.keys import Schedule
from shared_lib.postgres import driver_url
from shared_lib.tokens import LONGEST_LIFE

__all__ = [
    "AsJson",
    "EnvFile",
    "KeySettings",
    "ScheduleSettings",
    "Service",
    "WorkerSettings",
    "load_settings",
    "worker_settings",
]

_DEFAULT_FILE = Path(".data/secrets.env")
_DAY = 24 * 3600

EnvFile = Annotated[
    Path | None,
    typer.Option(
        help=f"File of settings for what the environment lacks; {_DEFAULT_FILE} if it exists.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Service(StrEnum):
    """The two services."""

    IDENTITY = "identity"
    CORE = "core"


class WorkerSettings(BaseSettings):
    """How a service's database is reached as role `worker`."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    worker_database_url: SecretStr
    """URL of the service's database for its role `worker`."""

    @property
    def dsn(self) -> str:
        """The URL as asyncpg reads it."""
        return driver_url(self.worker_database_url.get_secret_value())


class _IdentityWorker(WorkerSettings, env_prefix="IDENTITY_"):
    pass


class _CoreWorker(WorkerSettings, env_prefix="CORE_"):
    pass


class ScheduleSettings(BaseSettings):
    """What the identity service knows about when keys turn, under the same names."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore", frozen=True)

    jwks_max_age: int = Field(default=300, ge=1)
    """Seconds for which verifiers keep a key set."""
    key_margin: int = Field(default=60, ge=1)
    """Seconds by which processes may lag behind each other."""
    longest_token: int = Field(default=LONGEST_LIFE, ge=1)
    """Seconds that the longest-lived token lives."""
    key_rotation_days: float = Field(default=30, gt=0)
    """Days that a key signs before the next one takes over by itself."""

    @property
    def schedule(self) -> Schedule:
        """How long the steps of a rotation take."""
        return Schedule(
            max_age=self.jwks_max_age,
            margin=self.key_margin,
            longest_token=self.longest_token,
            period=self.key_rotation_days * _DAY,
        )


class KeySettings(ScheduleSettings, WorkerSettings, env_prefix="IDENTITY_"):
    """What the identity service knows about its signing keys, under the same names."""

    encryption_key: SecretStr
    """Fernet keys separated by commas: the first encrypts, each of them decrypts."""


S = TypeVar("S", bound=BaseSettings)


def load_settings(kind: type[S], env_file: Path | None) -> S:
    """Read settings; exits with status 2 and the names of those that are missing or wrong."""
    if env_file is None and _DEFAULT_FILE.is_file():
        env_file = _DEFAULT_FILE
    try:
        return kind(_env_file=env_file)
    except ValidationError as error:
        prefix = kind.model_config["env_prefix"]
        for problem in error.errors(include_input=False):
            name = prefix + "_".join(map(str, problem["loc"])).upper()
            typer.echo(f"{name}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error


def worker_settings(service: Service, env_file: Path | None) -> WorkerSettings:
    """How the database of `service` is reached; exits with status 2 when that is not said."""
    kind = _IdentityWorker if service is Service.IDENTITY else _CoreWorker
    return load_settings(kind, env_file)
