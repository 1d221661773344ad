"""Problem documents (RFC 9457) as answers, and the request's id that they carry."""

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec
from starlette.responses import Response

from shared_lib.errors._api_error import ApiError, FieldError

PROBLEM_JSON = "application/problem+json"
PROBLEM_TYPE = "urn:phase-zero:error:"


def problem_body(
    *,
    code: str,
    status: int,
    title: str,
    request_id: str,
    errors: tuple[FieldError, ...] = (),
    extensions: Mapping[str, Any] | None = None,
) -> bytes:
    """A Problem as JSON; `errors` is left out when there are none."""
    body: dict[str, Any] = {
        **(extensions or {}),
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "detail": code,
        "request_id": request_id,
    }
    if errors:
        body["errors"] = errors
    return msgspec.json.encode(body)


def problem_response(error: ApiError, request_id: str) -> Response:
    """The answer to a coded error, with the headers that the error asks for."""
    body = problem_body(
        code=error.code,
        status=error.status,
        title=error.message,
        request_id=request_id,
        errors=error.errors,
        extensions=error.extensions,
    )
    return Response(body, error.status, headers=error.headers, media_type=PROBLEM_JSON)


def _fresh_uuid() -> str:
    """A random UUID (RFC 9562 5.4) as text; uuid.uuid4 and str take ten times as long."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def request_id_of(scope: MutableMapping[str, Any]) -> str:
    """The request's id, a UUID as text; made now where no middleware has made one before."""
    state: dict[str, Any] = scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = _fresh_uuid()
    request_id: str = state["request_id"]
    return request_id
