"""The token endpoint's rule: which grant a request is, and who serves it."""

from collections.abc import Awaitable, Callable

import structlog

from app.core.forms import OAuthRequest
from app.core.process import Process
from app.modules.token.client_credentials import client_credentials
from app.modules.token.exchange import exchange
from app.modules.token.password import sign_in
from app.modules.token.refresh import refresh
from app.modules.token.schemas import (
    CLIENT_CREDENTIALS,
    PASSWORD,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    ExchangedTokenRead,
    MachineTokenRead,
    TokenRead,
)
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit

__all__ = ["PUBLISHED_GRANTS", "AnyToken", "issue_token"]

PUBLISHED_GRANTS = (REFRESH_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE)
"""What discovery lists: password sign-in is the first-party client's own."""

_log = structlog.get_logger(__name__)

AnyToken = TokenRead | MachineTokenRead | ExchangedTokenRead
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
    try:
        return await grant(process, unit, request)
    except OAuthError as refusal:
        # With the person, as soon as the grant has bound him to the log. Never what was sent.
        _log.warning("grant_refused", grant=named or PASSWORD, detail=refusal.code)
        raise
