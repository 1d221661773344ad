"""Errors of OAuth endpoints: RFC 6749 5.2 with our stable code beside it."""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import msgspec
from starlette.responses import Response

from shared_lib.errors._api_error import CODE, REALM

_STATE_KEY = "answers_as_oauth"

# RFC 6749 5.2, RFC 8693 2.2.2, RFC 7009 2.2.1; what can go wrong with any request, as
# RFC 6749 4.1.2.1 says it
_ERRORS = frozenset(
    {
        "server_error",
        "temporarily_unavailable",
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "unsupported_token_type",
    }
)
_DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
_ELSEWHERE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_BY_STATUS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "invalid_client",
    HTTPStatus.TOO_MANY_REQUESTS: "temporarily_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE: "temporarily_unavailable",
}
_NEVER_STORED = {"cache-control": "no-store", "pragma": "no-cache"}


class OAuthError(Exception):
    """A refusal at an OAuth endpoint.

    `error` is one of RFC 6749 5.2, `invalid_target` (RFC 8693 2.2.2), `unsupported_token_type`
    (RFC 7009 2.2.1), `temporarily_unavailable` or `server_error` (RFC 6749 4.1.2.1); `code` is our
    stable `detail`; `description` is for developers and keeps to the characters that the RFC allows
    (printable ASCII without quotation mark and backslash). ValueError when one of them does not.
    """

    def __init__(
        self,
        error: str,
        *,
        code: str,
        description: str,
        status: int = HTTPStatus.BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if error not in _ERRORS:
            raise ValueError(f"{error!r} is no error of RFC 6749 5.2")
        if not CODE.fullmatch(code):
            raise ValueError(f"the code is not snake_case: {code!r}")
        if not _DESCRIPTION.fullmatch(description):
            raise ValueError("error_description has a character outside RFC 6749 5.2")
        super().__init__(f"{error}: {description}")
        self.error = error
        self.code = code
        self.description = description
        self.status = int(status)
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}

    @classmethod
    def invalid_client(cls, *, code: str, description: str, basic: bool) -> Self:
        """Client authentication failed. `basic`: the client tried `Authorization: Basic`, which
        makes the answer a 401 with a challenge of that scheme; otherwise it is a 400, because a
        401 must carry a challenge (RFC 9110 15.5.2) and a browser would ask for a password.
        """
        if not basic:
            return cls("invalid_client", code=code, description=description)
        return cls(
            "invalid_client",
            code=code,
            description=description,
            status=HTTPStatus.UNAUTHORIZED,
            headers={"www-authenticate": f"Basic {REALM}"},
        )


@dataclass(frozen=True, slots=True)
class OAuthErrorRead:
    """A refusal (RFC 6749 section 5.2); `detail` is the stable code that programs switch on."""

    error: str
    error_description: str
    detail: str


def mark_oauth(scope: MutableMapping[str, Any]) -> None:
    """Have whatever goes wrong with this request answered as RFC 6749 5.2 wants it."""
    scope.setdefault("state", {})[_STATE_KEY] = True


def is_oauth(scope: MutableMapping[str, Any]) -> bool:
    """Whether the request is one to an OAuth endpoint."""
    return _STATE_KEY in scope.get("state", ())


def oauth_error(
    *, code: str, status: int, text: str, headers: Mapping[str, str] | None = None
) -> OAuthError:
    """A refusal that knows nothing of OAuth, as an OAuth endpoint says it; status and headers stay.

    A token or scheme that is not accepted is a client that failed to authenticate. What may work
    later is `temporarily_unavailable`: for it there is no word for the token endpoint.
    """
    ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return OAuthError(
        _BY_STATUS.get(status, "server_error" if ours else "invalid_request"),
        code=code,
        description=_ELSEWHERE.sub("?", text),
        status=status,
        headers=headers,
    )


def oauth_response(error: OAuthError) -> Response:
    """The JSON answer, never to be stored (RFC 6749 5.1)."""
    body = {
        "error": error.error,
        "error_description": error.description,
        "detail": error.code,
    }
    return Response(
        msgspec.json.encode(body),
        status_code=error.status,
        headers={**_NEVER_STORED, **error.headers},
        media_type="application/json",
    )
