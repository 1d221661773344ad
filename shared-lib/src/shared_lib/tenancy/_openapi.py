"""Writes access and errors of each operation into the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from shared_lib.errors import (
    ApiError,
    AuditUnavailable,
    BadRequest,
    BodyTooLarge,
    DatabaseUnavailable,
    InvalidToken,
    KeysUnavailable,
    MissingPermission,
    MissingToken,
    OutcomeUnknown,
    RateLimited,
    ReadOnly,
    TenantBlocked,
    TenantRequired,
    TokenRevoked,
    ValidationFailed,
    oauth_problems,
    problems,
)
from shared_lib.idempotency import (
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    RequestAlreadyDone,
    RequestInProgress,
)
from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._operation import Operation, operation_of
from shared_lib.web import is_rate_limited

_FASTAPIS_OWN = "Validation Error"  # the 422 that FastAPI writes by itself
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "1 to 255 visible ASCII characters, such as a UUID, new for each thing that is to be "
        "made. The same request under the same key gets, for 24 hours, the answer that it got "
        "before, and makes nothing again."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_IDEMPOTENCY_REPLAYED = {
    "Idempotency-Replayed": {
        "description": "`true` when the request was done before and this is the answer of then",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def operations(app: FastAPI) -> Iterator[tuple[Any, Operation]]:
    """Each route of the API, as included, with its operation. Raises UndeclaredAccess."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context, operation_of(context)


def oauth_paths(app: FastAPI) -> frozenset[str]:
    """The paths of the operations that answer as OAuth endpoints do."""
    return frozenset(context.path for context, operation in operations(app) if operation.oauth)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`, with `security`, `x-access` and every error's code."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        separate_input_output_schemas=app.separate_input_output_schemas,
    )
    components = document.setdefault("components", {})
    components.setdefault("securitySchemes", {})["bearer"] = _BEARER
    for context, operation in operations(app):
        for method in context.methods:
            described = document["paths"][context.path_format][method.lower()]
            _describe_access(described, operation)
            _describe_idempotency(described, operation)
            _describe_errors(described, operation, context.path)
    return document


def _describe_access(described: dict[str, Any], operation: Operation) -> None:
    public = operation.scope is Scope.PUBLIC
    described["security"] = [] if public else [{"bearer": operation.permissions}]
    described["x-access"] = {
        "scope": operation.scope,
        "permissions": operation.permissions,
        "writes": operation.writes,
        "roles": None if operation.roles is None else sorted(operation.roles),
        "modes": sorted(operation.modes),
        "owner_modes": sorted(operation.owner_modes),
        "support": all(each.support and not each.people for each in operation.accesses),
        "programs": all(each.programs and not each.people for each in operation.accesses),
        "staff": not any(each.people for each in operation.accesses),
        "audited": operation.audited,
    }


def _takes_key(operation: Operation) -> bool:
    return operation.idempotent is not None and not operation.idempotent.reason


def _describe_idempotency(described: dict[str, Any], operation: Operation) -> None:
    if not _takes_key(operation):
        return
    described.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for status, response in described["responses"].items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update(_IDEMPOTENCY_REPLAYED)


def _describe_errors(described: dict[str, Any], operation: Operation, path: str) -> None:
    responses = described["responses"]
    errors = list(_errors(described, operation))
    if _takes_key(operation):
        errors += [InvalidIdempotencyKey, IdempotencyKeyReused, RequestInProgress]
    if operation.idempotent is not None and operation.idempotent.keeps is not None:
        errors.append(RequestAlreadyDone)
    if operation.scope is not Scope.SERVICE and is_rate_limited(path):
        errors.append(RateLimited)
    if responses.get("422", {}).get("description") == _FASTAPIS_OWN:
        del responses["422"]
    described_as = oauth_problems if operation.oauth else problems
    for status, response in described_as(*errors).items():
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = response
        elif response["description"] not in known["description"]:
            known["description"] += ", " + response["description"]


def _errors(described: dict[str, Any], operation: Operation) -> Iterator[type[ApiError]]:
    if "422" in described["responses"]:  # there is something that FastAPI validates
        yield ValidationFailed
    if "requestBody" in described:
        yield from (BadRequest, BodyTooLarge)
    yield from (InvalidToken, KeysUnavailable)  # a bad token is refused wherever it is sent
    if operation.scope is Scope.PUBLIC:
        return
    yield from (MissingToken, TokenRevoked, DatabaseUnavailable)
    if operation.writes:
        yield OutcomeUnknown
    yield MissingPermission
    if operation.scope is Scope.SERVICE:
        return
    if operation.scope is Scope.PLATFORM or all(access.support for access in operation.accesses):
        yield AuditUnavailable
    if operation.scope is Scope.ORGANIZATION:
        yield from (TenantRequired, TenantBlocked)
        if operation.writes:
            yield ReadOnly
