"""The errors that every operation of either service can answer with."""

from shared_lib.errors._api_error import REALM, ApiError

_INVALID_TOKEN = {"www-authenticate": f'Bearer {REALM}, error="invalid_token"'}


class BadRequest(ApiError):
    """The request cannot be read at all: a body that is no UTF-8, a broken form."""

    code = "bad_request"
    status = 400
    title = "The request could not be read"


class MissingToken(ApiError):
    """No bearer token was sent; so the challenge names no error (RFC 6750 3.1)."""

    code = "missing_token"
    status = 401
    title = "An access token is required"


class InvalidToken(ApiError):
    """A token was sent and is not one of ours, not for us, or no longer valid."""

    code = "invalid_token"
    status = 401
    title = "The access token is not valid"
    default_headers = _INVALID_TOKEN


class TokenRevoked(ApiError):
    """The token is genuine and what it stands on (session, membership, support) has ended."""

    code = "token_revoked"
    status = 401
    title = "The access token has been revoked"
    default_headers = _INVALID_TOKEN


class MissingPermission(ApiError):
    """The caller is known and may not do this."""

    code = "missing_permission"
    status = 403
    title = "You have no permission to do this"


class TenantRequired(ApiError):
    """The operation works inside an organization and the token names none."""

    code = "tenant_required"
    status = 403
    title = "Sign in to an organization first"


class TenantBlocked(ApiError):
    """The organization is suspended, unpaid or being deleted."""

    code = "tenant_blocked"
    status = 403
    title = "This organization is blocked"


class ReadOnly(ApiError):
    """A write where only reading is allowed now."""

    code = "read_only"
    status = 403
    title = "Only reading is allowed at the moment"


class NotFound(ApiError):
    """No such thing, or not in the caller's organization: both look the same."""

    code = "not_found"
    status = 404
    title = "There is nothing here"


class MethodNotAllowed(ApiError):
    """The path exists, the method does not; `Allow` says which do (RFC 9110 15.5.6)."""

    code = "method_not_allowed"
    status = 405
    title = "This method is not allowed here"


class BodyTooLarge(ApiError):
    """The request's body is longer than the service takes."""

    code = "body_too_large"
    status = 413
    title = "The request is too large"


class ValidationFailed(ApiError):
    """Values that are not acceptable, listed in `errors`."""

    code = "validation_failed"
    status = 422
    title = "Some values are not acceptable"


class RateLimited(ApiError):
    """The caller, or the caller's organization, asks more often than the settings allow."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"


class InternalError(ApiError):
    """A fault of ours: the answer says nothing but the request's id."""

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side"


class KeysUnavailable(ApiError):
    """The token's key cannot be fetched now; the token may well be good, so no 401."""

    code = "keys_unavailable"
    status = 503
    title = "Access tokens cannot be checked at the moment"


class DatabaseUnavailable(ApiError):
    """The database does not answer, has no capacity, or asks for another try."""

    code = "database_unavailable"
    status = 503
    title = "The database is not available at the moment"


class OutcomeUnknown(ApiError):
    """The connection broke while the change was being committed: it was made, or it was not.

    Whoever sent an Idempotency-Key repeats the request under it; others look first.
    """

    code = "outcome_unknown"
    status = 503
    title = "It is not known whether this was done"


class AuditUnavailable(ApiError):
    """What must be audited cannot be, so it does not happen."""

    code = "audit_unavailable"
    status = 503
    title = "The audit trail is not available at the moment"
