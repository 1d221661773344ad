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
    ReadOnly,
    TenantBlocked,
    TenantRequired,
    TokenRevoked,
    ValidationFailed,
    problems,
)
from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._operation import Operation, operation_of

_FASTAPIS_OWN = "Validation Error"  # the 422 that FastAPI writes by itself
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def operations(app: FastAPI) -> Iterator[tuple[Any, Operation]]:
    """Each route of the API, as included, with its operation. Raises UndeclaredAccess."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context, operation_of(context)


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
            _describe_errors(described, operation)
    return document


def _describe_access(described: dict[str, Any], operation: Operation) -> None:
    public = operation.scope is Scope.PUBLIC
    described["security"] = [] if public else [{"bearer": operation.permissions}]
    described["x-access"] = {
        "scope": operation.scope,
        "permissions": operation.permissions,
        "writes": operation.writes,
        "modes": sorted(operation.modes),
        "support": all(each.support and not each.people for each in operation.accesses),
        "audited": operation.audited,
    }


def _describe_errors(described: dict[str, Any], operation: Operation) -> None:
    responses = described["responses"]
    errors = list(_errors(described, operation))
    if responses.get("422", {}).get("description") == _FASTAPIS_OWN:
        del responses["422"]
    for status, response in problems(*errors).items():
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
    yield MissingPermission
    if operation.scope is Scope.SERVICE:
        return
    if operation.scope is Scope.PLATFORM or all(access.support for access in operation.accesses):
        yield AuditUnavailable
    if operation.scope is Scope.ORGANIZATION:
        yield from (TenantRequired, TenantBlocked)
        if operation.writes:
            yield ReadOnly
