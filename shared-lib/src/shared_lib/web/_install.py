"""The one order in which both services put the middleware around their routes."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from starlette.types import Scope

from shared_lib.errors import install_error_handlers
from shared_lib.limits import RateLimiter
from shared_lib.settings import ServiceSettings
from shared_lib.tokens import TokenData
from shared_lib.web._bearer import BearerMiddleware, Verifier
from shared_lib.web._body_limit import BodyLimitMiddleware
from shared_lib.web._cors import QuickCors
from shared_lib.web._errors import ErrorMiddleware
from shared_lib.web._rate_limit import RateLimitMiddleware
from shared_lib.web._request_context import RequestContextMiddleware
from shared_lib.web._security_headers import SecurityHeadersMiddleware

_CORS: dict[str, Any] = {
    "allow_methods": ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"),
    "allow_headers": ("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"),
    "allow_credentials": True,
    "expose_headers": ("X-Request-ID", "Retry-After", "Idempotency-Replayed"),
}


def install_middleware(
    app: FastAPI,
    settings: ServiceSettings,
    verifier: Verifier,
    is_public: Callable[[Scope], bool],
    tenant_variable: ContextVar[UUID | None],
    *,
    limiter: RateLimiter | None = None,
    oauth_paths: frozenset[str] = frozenset(),
    anonymous: TokenData | None = None,
) -> None:
    """Install error handlers and, from the outside in: request context, security headers, CORS,
    errors, body limit, bearer, rate limits where a limiter is given.

    Errors lie inside CORS, or a browser could not read why it was refused; preflights are
    answered before a token is asked for. Middleware that is added to `app` afterwards lies
    outside of all of these.
    """
    install_error_handlers(app)
    if limiter is not None:
        app.add_middleware(RateLimitMiddleware, limiter=limiter, anonymous=anonymous)
    app.add_middleware(
        BearerMiddleware,
        verifier=verifier,
        is_public=is_public,
        tenant_variable=tenant_variable,
        anonymous=anonymous,
    )
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.body_limit_bytes)
    app.add_middleware(ErrorMiddleware, oauth_paths=oauth_paths)
    if settings.allowed_origins:
        app.add_middleware(QuickCors, allow_origins=settings.allowed_origins, **_CORS)
    app.add_middleware(SecurityHeadersMiddleware, hsts=settings.environment != "development")
    app.add_middleware(RequestContextMiddleware, trusted_proxies=settings.trusted_proxies)
