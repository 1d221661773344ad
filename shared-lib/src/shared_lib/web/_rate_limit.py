"""The middleware that counts requests by who sends them."""

from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from shared_lib.errors import RateLimited
from shared_lib.limits import RateLimiter
from shared_lib.settings import ServiceSettings
from shared_lib.tokens import TokenData
from shared_lib.web._client_address import address_group

PRINCIPAL, ORGANIZATION, ADDRESS = "principal", "organization", "address"

# Orchestrators and verifiers must get their answer, above all when there is much to do.
_NEVER = ("/health/", "/metrics", "/.well-known/")


def general_limits(settings: ServiceSettings) -> Mapping[str, str]:
    """The limits that the middleware asks for, as the settings set them."""
    return {
        PRINCIPAL: settings.rate_limit_principal,
        ORGANIZATION: settings.rate_limit_organization,
        ADDRESS: settings.rate_limit_address,
    }


def is_rate_limited(path: str) -> bool:
    """Whether requests to `path` are counted."""
    return not path.startswith(_NEVER)


class RateLimitMiddleware:
    """Raises RateLimited, with `Retry-After`, for who asks too often. Lies behind the bearer's.

    With a token, by principal (who really acts) and by organization; a support session costs the
    agent, not the customer. Without, and for `anonymous`, by client address. Our own services are
    not counted: they bring what must arrive, such as revocations, and bring it again if refused.
    """

    def __init__(
        self, app: ASGIApp, *, limiter: RateLimiter, anonymous: TokenData | None = None
    ) -> None:
        self.app = app
        self.limiter = limiter
        self.anonymous = anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and is_rate_limited(scope["path"]):
            wait = await self._count(scope["state"])
            if wait:
                raise RateLimited(headers={"retry-after": str(wait)})
        await self.app(scope, receive, send)

    async def _count(self, state: Mapping[str, Any]) -> int:
        """Seconds to wait, 0 for none."""
        token: TokenData | None = state["token"]
        if token is None or token is self.anonymous:
            group = address_group(state["client_ip"])
            return await self.limiter.hit(ADDRESS, group) if group else 0
        if token.is_service:
            return 0
        wait = await self.limiter.hit(PRINCIPAL, token.actor_id.hex)
        if wait or token.tenant_id is None or token.act is not None:
            return wait
        return await self.limiter.hit(ORGANIZATION, token.tenant_id.hex)
