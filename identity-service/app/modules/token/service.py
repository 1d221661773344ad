"""The rule of the OAuth endpoints: which grant a request is, and what is logged of refusals."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from app.core import refresh_cookie
from app.core.forms import OAuthRequest
from app.core.process import Process
from app.modules.token.client_credentials import client_credentials
from app.modules.token.exchange import exchange
from app.modules.token.introspection import introspect as introspect_token
from app.modules.token.password import sign_in
from app.modules.token.refresh import refresh
from app.modules.token.revocation import revoke as revoke_token
from app.modules.token.schemas import (
    CLIENT_CREDENTIALS,
    PASSWORD,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    AccessTokenRead,
    ExchangedTokenRead,
    TokenRead,
)
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit

__all__ = ["PUBLISHED_GRANTS", "AnyToken", "introspect", "issue_token", "revoke"]

PUBLISHED_GRANTS = (REFRESH_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE)
"""What discovery lists: password sign-in is the first-party client's own."""

_log = structlog.get_logger(__name__)

AnyToken = TokenRead | AccessTokenRead | ExchangedTokenRead
_Grant = Callable[[Process, Unit[Tx], OAuthRequest], Awaitable[AnyToken]]
_GRANTS: dict[str, _Grant] = {
    PASSWORD: sign_in,
    REFRESH_TOKEN: refresh,
    CLIENT_CREDENTIALS: client_credentials,
    TOKEN_EXCHANGE: exchange,
}


async def issue_token(process: Process, unit: Unit[Tx], request: OAuthRequest) -> AnyToken:
    """Serve the grant that the request names, or a password without a grant type.

    Raises OAuthError, KeysUnavailable or SignInBusy.
    """
    named = request.get("grant_type")
    if named is None and request.get("username") is None:
        request.require("grant_type")
    grant = _GRANTS.get(named or PASSWORD)
    if grant is None:
        raise OAuthError(
            "unsupported_grant_type",
            code="unsupported_grant_type",
            description="this grant type is not supported",
        )
    with _telling("grant_refused", grant=named or PASSWORD):
        refresh_cookie.check_wish(request)
        return await grant(process, unit, request)


async def revoke(process: Process, unit: Unit[Tx], request: OAuthRequest) -> None:
    """Give a token back. Raises OAuthError."""
    with _telling("revocation_refused"):
        await revoke_token(process, unit, request)


async def introspect(process: Process, unit: Unit[Tx], request: OAuthRequest) -> dict[str, object]:
    """What the client is told about a token. Raises OAuthError."""
    with _telling("introspection_refused"):
        return await introspect_token(process, unit, request)


@contextmanager
def _telling(event: str, **about: str) -> Iterator[None]:
    """Log a refusal: with the person, as soon as he is bound to the log. Never what was sent."""
    try:
        yield
    except OAuthError as refusal:
        _log.warning(event, **about, detail=refusal.code)
        raise
