"""The refresh token in a cookie, for pages: `refresh=cookie` asks for it, at each request anew.

No script can read such a cookie (RFC 6265 section 4.1.2.6), and one whose name begins with
`__Host-` belongs to this host alone. A browser sends it with whatever any page of the site asks
for, so the page's origin must be one that may call us; and nobody's cookie is looked at who does
not ask for that.

The header is read here, byte for byte. To a parser that is kind to names, a no-break space and
`__Host-refresh` are that cookie; to browsers they are a name like any other, for any host to set.
"""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import Request, Response

from app.core.forms import OAuthRequest, invalid_request
from app.core.settings import IdentitySettings
from shared_lib.errors import OAuthError

__all__ = ["COOKIE", "check_origin", "check_wish", "forget", "is_wished", "keep", "take"]

COOKIE = "cookie"
"""What the parameter `refresh` may be."""

_PLAIN, _OF_THIS_HOST = "refresh", "__Host-refresh"


def _name(settings: IdentitySettings) -> str:
    """`__Host-refresh`; over http, which is for development, browsers would drop that."""
    return _OF_THIS_HOST if _is_secure(settings) else _PLAIN


def check_wish(request: OAuthRequest) -> None:
    """Refuse another wish than the cookie. Raises OAuthError `invalid_request`."""
    if request.get("refresh") not in (None, COOKIE):
        raise invalid_request("invalid_parameter", f"refresh must be {COOKIE}")


def is_wished(request: OAuthRequest) -> bool:
    """Whether the refresh token goes by the cookie."""
    return request.get("refresh") == COOKIE


def check_origin(settings: IdentitySettings, request: OAuthRequest) -> None:
    """Refuse pages of other origins; with the cookie, also what names none, as every POST of a
    browser does (Fetch standard). Raises OAuthError `invalid_request`.
    """
    if request.origin is None and not is_wished(request):
        return
    if request.origin not in settings.allowed_origins:
        raise invalid_request("origin_not_allowed", "this origin is not allowed")


def take(settings: IdentitySettings, request: OAuthRequest) -> OAuthRequest:
    """`request` with the refresh token of the cookie, if it asks for that. Raises OAuthError."""
    if not is_wished(request):
        return request
    check_origin(settings, request)
    if request.get("refresh_token") is not None:
        raise invalid_request(
            "invalid_parameter", "refresh_token is sent in the cookie or the form"
        )
    sent = _values(_name(settings), request.cookies)
    if len(sent) > 1:
        raise invalid_request("invalid_parameter", "the cookie is sent twice")
    if not sent or not sent[0]:
        raise OAuthError(
            "invalid_grant", code="refresh_cookie_missing", description="there is no cookie"
        )
    return replace(request, parameters={**request.parameters, "refresh_token": sent[0]})


def keep(settings: IdentitySettings, response: Response, refresh_token: str) -> None:
    """Have the browser keep a refresh token, for as long as one may lie unused."""
    response.set_cookie(
        _name(settings),
        refresh_token,
        max_age=settings.refresh_idle,
        secure=_is_secure(settings),
        httponly=True,
        samesite="strict",
    )


def forget(settings: IdentitySettings, request: Request) -> Response:
    """The empty answer to who signed out; the browser drops the cookie, if it sent one."""
    response = Response(status_code=204)
    if _values(_name(settings), request.headers.getlist("cookie")):
        response.delete_cookie(
            _name(settings), secure=_is_secure(settings), httponly=True, samesite="strict"
        )
    return response


def _values(name: str, headers: Sequence[str]) -> list[str]:
    """What cookies of exactly this name hold."""
    pairs = (pair.strip(" \t").partition("=") for header in headers for pair in header.split(";"))
    return [value for key, _, value in pairs if key == name]


def _is_secure(settings: IdentitySettings) -> bool:
    return settings.issuer.startswith("https://")
