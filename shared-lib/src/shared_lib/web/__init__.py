"""What every service puts around and into its routes: ASGI middleware, JSON answers, lists."""

from shared_lib.web._bearer import BearerMiddleware, Verifier
from shared_lib.web._body_limit import BodyLimitMiddleware
from shared_lib.web._client_address import address_group, client_address
from shared_lib.web._docs import install_docs
from shared_lib.web._errors import ErrorMiddleware
from shared_lib.web._install import install_middleware
from shared_lib.web._json import Json
from shared_lib.web._pagination import Listing, Page, PageRequest, Paging, Position, Positioned
from shared_lib.web._rate_limit import RateLimitMiddleware, general_limits, is_rate_limited
from shared_lib.web._request_context import RequestContextMiddleware
from shared_lib.web._security_headers import SecurityHeadersMiddleware

__all__ = [
    "BearerMiddleware",
    "BodyLimitMiddleware",
    "ErrorMiddleware",
    "Json",
    "Listing",
    "Page",
    "PageRequest",
    "Paging",
    "Position",
    "Positioned",
    "RateLimitMiddleware",
    "RequestContextMiddleware",
    "SecurityHeadersMiddleware",
    "Verifier",
    "address_group",
    "client_address",
    "general_limits",
    "install_docs",
    "install_middleware",
    "is_rate_limited",
]
