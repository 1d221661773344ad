"""The middleware that verifies access tokens before anything of a route runs."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from shared_lib.errors import InvalidToken, MissingToken
from shared_lib.tokens import TokenData

_INTERNAL = "/internal/"
_REMEMBERED = 4096  # callers


class Verifier(Protocol):
    """What verifies a token: `shared_lib.tokens.TokenVerifier`."""

    async def verify(self, token: str, *, internal: bool = False) -> TokenData:
        """Return the claims, or raise InvalidToken or KeysUnavailable."""


class BearerMiddleware:
    """Puts the verified TokenData, or None, into `scope["state"]["token"]` (RFC 6750 2.1).

    A token that is sent and not good is refused here, on public operations too. A missing one is
    refused unless `is_public(scope)`. Other schemes than Bearer count as no token, so that
    `Authorization: Basic` reaches the OAuth endpoints, which are public. More than one
    Authorization header is an invalid token: proxies disagree about which one counts.

    Under `/internal/` the token must be one between services. WebSockets are never public.
    Where `anonymous` is given, a caller without a token is taken for it, except under `/internal/`.
    While the request runs, `tenant_variable` holds the token's organization.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        verifier: Verifier,
        is_public: Callable[[Scope], bool],
        tenant_variable: ContextVar[UUID | None],
        anonymous: TokenData | None = None,
    ) -> None:
        self.app = app
        self.verifier = verifier
        self.is_public = is_public
        self.tenant_variable = tenant_variable
        self.anonymous = anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["token"] = None
        token = await self._verified(scope)
        if token is not None:
            state["token"] = token
            structlog.contextvars.bind_contextvars(**_log_fields(token))
        before = self.tenant_variable.set(token.tenant_id if token else None)
        try:
            await self.app(scope, receive, send)
        finally:
            self.tenant_variable.reset(before)

    async def _verified(self, scope: Scope) -> TokenData | None:
        text = _bearer_token(scope)
        internal = scope["path"].startswith(_INTERNAL)
        if text is not None:
            return await self.verifier.verify(text, internal=internal)
        if scope["type"] == "http" and self.is_public(scope):
            return None
        if self.anonymous is None or internal:
            raise MissingToken
        return self.anonymous


def _bearer_token(scope: Scope) -> str | None:
    """The token that was sent; None for no Authorization header or one of another scheme."""
    sent: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if not sent:
        return None
    if len(sent) > 1:
        raise InvalidToken
    scheme, _, credentials = sent[0].partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    if not credentials.isascii():
        raise InvalidToken
    return credentials.strip(b" ").decode("ascii")


@lru_cache(_REMEMBERED)
def _log_fields(token: TokenData) -> Mapping[str, str]:
    """What each line of the request's log says of its caller."""
    person = {"person": str(token.actor_id)}
    return {**person, "tenant_id": str(token.tenant_id)} if token.tenant_id else person
