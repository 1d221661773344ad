"""The types of settings that say more than a text: URLs, origins, networks."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, TypeAdapter, ValidationError

Network = IPv4Network | IPv6Network
_URL = TypeAdapter(AnyHttpUrl)


def separated(value: object) -> object:
    """The parts of a text with commas between; anything else as it is."""
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


def _parse_url(value: str) -> AnyHttpUrl:
    try:
        return _URL.validate_python(value)
    except ValidationError:
        # pydantic's own text repeats the value
        raise ValueError("must be an http or https URL") from None


def _exact_url(value: str) -> str:
    """`value` as it is: a URL type adds a slash at the end, which makes another issuer of it."""
    url = _parse_url(value)
    if url.query is not None or url.fragment is not None or value != value.strip():
        raise ValueError("must be a URL without query and fragment (RFC 8414 2)")
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if "*" in origin:
            raise ValueError("must name each origin: `*` would let every page use a session")
        url = _parse_url(origin)
        if str(url) != f"{origin}/" or url.username or url.password:
            raise ValueError(
                "must be as browsers send them: scheme, host, port, no slash at the end"
            )
    return value


def _networks(value: object) -> object:
    parts = separated(value)
    if not isinstance(parts, tuple):
        return parts
    try:
        return tuple(ip_network(part) if isinstance(part, str) else part for part in parts)
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8") from None


IssuerUrl = Annotated[str, AfterValidator(_exact_url)]
Origins = Annotated[tuple[str, ...], BeforeValidator(separated), AfterValidator(_origins)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
