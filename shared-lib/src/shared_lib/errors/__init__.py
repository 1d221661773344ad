"""What a request can be refused with: coded exceptions and the answers made of them."""

from shared_lib.errors._api_error import ApiError, FieldError, list_errors
from shared_lib.errors._database import api_error_from_database
from shared_lib.errors._handlers import (
    answer,
    error_response,
    hide_values,
    install_error_handlers,
)
from shared_lib.errors._oauth import OAuthError, OAuthErrorRead, mark_oauth, oauth_response
from shared_lib.errors._openapi import Problem, oauth_problems, problems
from shared_lib.errors._problem import problem_response, request_id_of
from shared_lib.errors._standard import (
    AuditUnavailable,
    BadRequest,
    BodyTooLarge,
    DatabaseUnavailable,
    InternalError,
    InvalidToken,
    KeysUnavailable,
    MethodNotAllowed,
    MissingPermission,
    MissingToken,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ReadOnly,
    TenantBlocked,
    TenantRequired,
    TokenRevoked,
    ValidationFailed,
)

__all__ = [
    "ApiError",
    "AuditUnavailable",
    "BadRequest",
    "BodyTooLarge",
    "DatabaseUnavailable",
    "FieldError",
    "InternalError",
    "InvalidToken",
    "KeysUnavailable",
    "MethodNotAllowed",
    "MissingPermission",
    "MissingToken",
    "NotFound",
    "OAuthError",
    "OAuthErrorRead",
    "OutcomeUnknown",
    "Problem",
    "RateLimited",
    "ReadOnly",
    "TenantBlocked",
    "TenantRequired",
    "TokenRevoked",
    "ValidationFailed",
    "answer",
    "api_error_from_database",
    "error_response",
    "hide_values",
    "install_error_handlers",
    "list_errors",
    "mark_oauth",
    "oauth_problems",
    "oauth_response",
    "problem_response",
    "problems",
    "request_id_of",
]
