"""The base class of coded errors and the registry that keeps their codes unique."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from typing_extensions import override

CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
REALM = 'realm="phase-zero"'

_ERROR_STATUSES = range(400, 600)
_DECLARED = ("code", "status", "title")
_registry: dict[str, type["ApiError"]] = {}

# RFC 9110 15.5.2: each 401 names a way to authenticate; RFC 6750 3 asks for one parameter at least.
_HEADERS_BY_STATUS: dict[int, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": f"Bearer {REALM}"},
    HTTPStatus.TOO_MANY_REQUESTS: {"retry-after": "1"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": "5"},
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: `field` is its dotted path (`body.starts_at`, `query.limit`), `code` is
    stable, `message` is for people and never repeats what was sent.
    """

    field: str
    code: str
    message: str


class ApiError(Exception):
    """A refusal with a stable code; answered as `application/problem+json` (RFC 9457).

    Each subclass states `code` (snake_case, unique in the process, the `detail` that user
    interfaces switch on), `status` (400..599) and `title` (for people); one that does not, or
    whose code is taken, is a TypeError when the class is made. `headers` says which headers every
    answer of the class carries, names in lower case. A 401 always has `WWW-Authenticate`, a 429
    and a 503 always `Retry-After`.

    `message` is shown to people in place of `title`; `headers` of an instance win over those of
    its class. `extensions` are further members of the problem (RFC 9457 3.2), declared in Problem.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    default_headers: ClassVar[Mapping[str, str]] = {}

    @override
    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        missing = [name for name in _DECLARED if name not in cls.__dict__]
        if missing:
            raise TypeError(f"{cls.__qualname__} does not set {', '.join(missing)}")
        if not CODE.fullmatch(cls.code):
            raise TypeError(f"{cls.__qualname__}.code is not snake_case: {cls.code!r}")
        if cls.status not in _ERROR_STATUSES:
            raise TypeError(f"{cls.__qualname__}.status is no error status: {cls.status!r}")
        taken = _registry.setdefault(cls.code, cls)
        if taken is not cls:
            raise TypeError(
                f"{cls.__qualname__} uses the code {cls.code!r} of {taken.__qualname__}"
            )

    def __init__(
        self,
        message: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.errors = tuple(errors)
        self.extensions = dict(extensions or {})
        self.headers = {**with_headers_of(self.status, self.default_headers), **_lower(headers)}


def with_headers_of(status: int, headers: Mapping[str, str] | None) -> dict[str, str]:
    """`headers`, names in lower case, and those that every answer of `status` must have."""
    return {**_HEADERS_BY_STATUS.get(status, {}), **_lower(headers)}


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def list_errors() -> tuple[type[ApiError], ...]:
    """Every coded error that has been imported so far, by code: what the reference page lists."""
    return tuple(_registry[code] for code in sorted(_registry))
