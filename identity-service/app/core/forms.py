"""Requests of OAuth endpoints: forms as RFC 6749 section 3.2 wants them read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes
from uuid import UUID

from fastapi import Request

from shared_lib.errors import OAuthError

_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_PARAMETERS = 50
# RFC 6749 appendix A: no parameter has a control character but the tabulator.
_CONTROL = frozenset(map(chr, range(0x20))) - {"\t"} | {"\x7f"}


@dataclass(frozen=True)
class OAuthRequest:
    """The parameters, each with a value, and the headers that an OAuth endpoint looks at.

    `cookies` are the headers as they were sent: most requests need nobody to read them.
    """

    parameters: Mapping[str, str] = field(repr=False)
    authorization: str | None = field(repr=False)
    origin: str | None
    cookies: tuple[str, ...] = field(repr=False)

    def get(self, name: str) -> str | None:
        """A parameter; one without a value counts as omitted."""
        return self.parameters.get(name)

    def require(self, name: str) -> str:
        """A parameter that must be there; else `invalid_request`."""
        value = self.parameters.get(name)
        if value is None:
            raise invalid_request("missing_parameter", f"{name} is missing")
        return value

    def get_uuid(self, name: str) -> UUID | None:
        """A UUID in its canonical form, or None; anything else is `invalid_request`."""
        return self.require_uuid(name) if name in self.parameters else None

    def require_uuid(self, name: str) -> UUID:
        """A UUID in its canonical form; else `invalid_request`."""
        text = self.require(name)
        try:
            value = UUID(text)
        except ValueError:
            value = None
        if value is None or str(value) != text.lower():
            raise invalid_request("invalid_parameter", f"{name} is not a UUID")
        return value


def invalid_request(code: str, description: str) -> OAuthError:
    """The request itself is wrong (RFC 6749 section 5.2)."""
    return OAuthError("invalid_request", code=code, description=description)


async def oauth_request(request: Request) -> OAuthRequest:
    """Read a request. Raises OAuthError `invalid_request`."""
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not _is_form(types[0]):
        raise invalid_request("invalid_content_type", f"the body must be {_MEDIA_TYPE}")
    return OAuthRequest(
        parameters=parse_form(await request.body()),
        authorization=request.headers.get("authorization"),
        origin=request.headers.get("origin"),
        cookies=tuple(request.headers.getlist("cookie")),
    )


def parse_form(body: bytes) -> dict[str, str]:
    """The parameters that have a value. Raises OAuthError `invalid_request` for one that is
    repeated (unknown ones too), has control characters, or is not UTF-8.
    """
    pairs = [pair for pair in body.split(b"&") if pair]
    if len(pairs) > _MOST_PARAMETERS:
        raise invalid_request("invalid_parameter", "there are too many parameters")
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        key = _decoded(name)
        if key in parameters:
            raise invalid_request("repeated_parameter", "a parameter is repeated")
        parameters[key] = _decoded(value)
    return {name: value for name, value in parameters.items() if value}


def form_decoded(text: bytes) -> str:
    """Undo application/x-www-form-urlencoded. Raises ValueError for what is not UTF-8."""
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8")


def has_control_characters(text: str) -> bool:
    """Whether there are characters that no parameter may have (RFC 6749 appendix A)."""
    return not _CONTROL.isdisjoint(text)


def _decoded(part: bytes) -> str:
    try:
        text = form_decoded(part)
    except ValueError as error:
        raise invalid_request("invalid_parameter", "the body is not UTF-8") from error
    if has_control_characters(text):
        raise invalid_request("invalid_parameter", "a parameter has control characters")
    return text


def _is_form(content_type: str) -> bool:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return media_type == _MEDIA_TYPE and all(
        parameter in ("", "charset=utf-8", 'charset="utf-8"') for parameter in parameters
    )
