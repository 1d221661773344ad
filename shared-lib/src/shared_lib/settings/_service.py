"""The settings that both services have, and how they are read, refused and listed."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase, digits
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self, cast, get_args, get_origin

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from shared_lib.limits import RateLimit, RedisUrl
from shared_lib.settings._types import IssuerUrl, Networks, Origins

Environment = Literal["development", "staging", "production"]
LogLevel = Literal["debug", "info", "warning", "error"]

# Kubernetes gives every container these for each service that it knows, ours among them.
_OF_ORCHESTRATORS = re.compile(r"_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")
_LETTERS = ascii_lowercase + digits + "_"


class SettingsError(ValueError):
    """The settings are not usable. The message names variables and never repeats a value."""


class _Environment(PydanticBaseSettingsSource):
    """Reads `<PREFIX><NAME>`, then plain `<NAME>`; an empty variable counts as none."""

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        for variable in _variables(cast("type[ServiceSettings]", self.settings_cls), field_name):
            value = os.environ.get(variable)
            if value:
                return value, field_name, False
        return None, field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        read = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in read.items() if value is not None}


class ServiceSettings(BaseSettings):
    """What both services are set by; each service's own class adds to it.

    A field is given to the constructor by name, or read from the environment variable
    `<service_prefix><NAME>`, or from plain `<NAME>`; the first that is there wins and an empty
    variable is none. A variable with the service's prefix that is no field is refused, so that a
    misspelt one cannot leave a default in force. SettingsError says what is wrong.

    Every field has a docstring: the reference page is made of them.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
    service_prefix: ClassVar[str]

    environment: Environment = "production"
    """Where the service runs. `development` alone permits insecure values."""

    issuer: IssuerUrl
    """The `iss` of access tokens, byte for byte; what clients call the identity service."""

    allowed_origins: Origins = ()
    """Origins, separated by commas, whose pages may call the service (CORS). Never `*`."""

    trusted_proxies: Networks = ()
    """Networks, separated by commas, whose `X-Forwarded-For` is believed."""

    rate_limit_principal: RateLimit = "1200/minute"
    """Requests of one person, service account or support agent. `off`: no limit."""

    rate_limit_organization: RateLimit = "12000/minute"
    """Requests of all people and service accounts of one organization. `off`: no limit."""

    rate_limit_address: RateLimit = "1200/minute"
    """Requests without a token from one client address (IPv6: one /64). `off`: no limit."""

    redis_url: RedisUrl = SecretStr("")
    """Redis, where all processes count together; without it each counts for itself."""

    log_level: LogLevel = "info"
    """The lowest level that is logged. Each request is one line at `info`."""

    body_limit_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    """The longest request body that is taken, in bytes."""

    database_pool_size: Annotated[int, Field(ge=1)] = 10
    """Connections to the database per process and pool; so many transactions run at a time."""

    database_pool_timeout: Annotated[float, Field(gt=0)] = 10.0
    """Seconds that a request waits for a connection before it is answered with 503."""

    metrics_host: str = "127.0.0.1"
    """Address at which the worker answers Prometheus."""

    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port at which the worker answers `GET /metrics`; without one it does not."""

    require_patched_postgres: bool = False
    """Refuse to start on a PostgreSQL minor version with a known leak (CVE-2026-120154)."""

    def __init__(self, **values: Any) -> None:
        refuse_unknown_variables(type(self), os.environ)
        try:
            super().__init__(**values)
        except ValidationError as error:
            # Not chained: pydantic's own error carries the values.
            raise SettingsError(_explain(type(self), error)) from None

    @classmethod
    def from_environment(cls) -> Self:
        """The settings that the process was started with. Raises SettingsError."""
        nothing_given: dict[str, Any] = {}
        return cls(**nothing_given)

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not getattr(cls, "service_prefix", "").endswith("_"):
            raise TypeError(f"{cls.__name__}.service_prefix must end in an underscore")
        undocumented = [name for name, field in cls.model_fields.items() if not field.description]
        if undocumented:
            raise TypeError(f"{cls.__name__} has fields without docstring: {undocumented}")

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls)

    def insecure(self) -> list[str]:
        """What is set too weakly for anything but development: sentences that start with the
        field's name and never say its value. A service adds to its parent's list.
        """
        if self.issuer.startswith("https://"):
            return []
        return ["issuer must be https (RFC 8414 2)"]

    @model_validator(mode="after")
    def _refuse_insecure(self) -> Self:
        faults = self.insecure() if self.environment != "development" else []
        if faults:
            raise ValueError("; ".join(_name_variables(type(self), fault) for fault in faults))
        return self


def _variables(settings: type[ServiceSettings], field: str) -> tuple[str, str]:
    return (f"{settings.service_prefix}{field}".upper(), field.upper())


def refuse_unknown_variables(
    settings: type[ServiceSettings], environment: Mapping[str, str]
) -> None:
    """Raise SettingsError naming the variables that carry the service's prefix and set nothing."""
    prefix = settings.service_prefix.upper()
    known = {name for field in settings.model_fields for name in _variables(settings, field)}
    unknown = [
        name
        for name in environment
        if name.startswith(prefix) and name not in known and not _OF_ORCHESTRATORS.search(name)
    ]
    if unknown:
        raise SettingsError(f"no such setting: {', '.join(sorted(unknown))}")


def _explain(settings: type[ServiceSettings], error: ValidationError) -> str:
    lines = [f"{settings.__name__} cannot be used:"]
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        message = fault["msg"].removeprefix("Value error, ")
        where = f"{fault['loc'][0]}: " if fault["loc"] else ""
        lines.append(_name_variables(settings, f"{where}{message}"))
    return "\n".join(lines)


def _name_variables(settings: type[ServiceSettings], sentence: str) -> str:
    """`sentence` with the field's name that it starts with replaced by the variables' names."""
    field = sentence[: len(sentence) - len(sentence.lstrip(_LETTERS))]
    if field not in settings.model_fields:
        return sentence
    return " or ".join(_variables(settings, field)) + sentence.removeprefix(field)


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the reference page: `default` is None for a required setting, "" for a secret."""

    variable: str
    plain_variable: str
    type: str
    default: str | None
    description: str


def list_settings(settings: type[ServiceSettings]) -> Iterator[Setting]:
    """Every setting of a service, in the order of its class."""
    for name, field in settings.model_fields.items():
        variable, plain = _variables(settings, name)
        type_name = _type_name(field.annotation)
        shown = None if field.is_required() else _shown(field.default)
        if field.default_factory is not None or (type_name == "secret" and shown is not None):
            shown = ""  # depends on the machine, or is secret
        yield Setting(variable, plain, type_name, shown, field.description or "")


def _shown(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(str(part) for part in default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _type_name(annotation: Any) -> str:
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if annotation is SecretStr or SecretStr in parts:
        return "secret"
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, parts))
    if get_origin(annotation) is tuple:
        return "list"
    return " | ".join(part.__name__ for part in parts) or annotation.__name__
