"""What every service puts around and into its routes: ASGI middleware, bodies, answers, lists."""

from shared_lib.web._bearer import BearerMiddleware, Verifier
from shared_lib.web._bodies import (
    Body,
    Instant,
    Name,
    PlainText,
    QueryFlag,
    Reason,
    ShortText,
    omitted,
    without_nul,
)
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
    "Body",
    "BodyLimitMiddleware",
    "ErrorMiddleware",
    "Instant",
    "Json",
    "Listing",
    "Name",
    "Page",
    "PageRequest",
    "Paging",
    "PlainText",
    "Position",
    "Positioned",
    "QueryFlag",
    "RateLimitMiddleware",
    "Reason",
    "RequestContextMiddleware",
    "SecurityHeadersMiddleware",
    "ShortText",
    "Verifier",
    "address_group",
    "client_address",
    "general_limits",
    "install_docs",
    "install_middleware",
    "is_rate_limited",
    "omitted",
    "without_nul",
]
