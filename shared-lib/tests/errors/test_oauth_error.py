"""RFC 6749 5.2, to the letter."""

import json
from typing import Any

import pytest

from shared_lib.errors import (
    ApiError,
    BodyTooLarge,
    DatabaseUnavailable,
    InternalError,
    InvalidToken,
    MethodNotAllowed,
    OAuthError,
    RateLimited,
    error_response,
    mark_oauth,
    oauth_response,
)


def test_the_answer_has_the_members_of_the_rfc_and_our_code() -> None:
    error = OAuthError("invalid_grant", code="invalid_credentials", description="Wrong password")
    response = oauth_response(error)
    assert response.status_code == 400
    assert json.loads(bytes(response.body)) == {
        "error": "invalid_grant",
        "error_description": "Wrong password",
        "detail": "invalid_credentials",
    }
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert "www-authenticate" not in response.headers


def test_a_client_that_tried_basic_gets_401_and_its_challenge() -> None:
    error = OAuthError.invalid_client(code="invalid_client", description="Unknown", basic=True)
    response = oauth_response(error)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="phase-zero"'


def test_a_client_that_did_not_gets_no_challenge() -> None:
    error = OAuthError.invalid_client(code="invalid_client", description="Unknown", basic=False)
    response = oauth_response(error)
    assert response.status_code == 400
    assert "www-authenticate" not in response.headers


def test_an_error_outside_the_rfc_is_refused() -> None:
    with pytest.raises(ValueError, match="RFC 6749"):
        OAuthError("wrong_password", code="x", description="x")


def test_a_code_that_is_not_snake_case_is_refused() -> None:
    with pytest.raises(ValueError, match="snake_case"):
        OAuthError("invalid_grant", code="Invalid Credentials", description="x")


@pytest.mark.parametrize("description", ['a "quoted" word', "back\\slash", "line\nfeed", "é", ""])
def test_a_description_keeps_to_the_characters_of_the_rfc(description: str) -> None:
    with pytest.raises(ValueError, match="error_description"):
        OAuthError("invalid_grant", code="x", description=description)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidToken(), "invalid_client"),
        (BodyTooLarge(), "invalid_request"),
        (MethodNotAllowed(), "invalid_request"),
        (RateLimited(headers={"retry-after": "7"}), "temporarily_unavailable"),
        (DatabaseUnavailable(), "temporarily_unavailable"),
        (InternalError(), "server_error"),
    ],
)
def test_any_error_at_an_oauth_endpoint_has_the_form_of_the_rfc(error: ApiError, said: str) -> None:
    scope: dict[str, Any] = {}
    assert error_response(error, scope).media_type == "application/problem+json"
    mark_oauth(scope)
    response = error_response(error, scope)
    assert response.media_type == "application/json"
    assert response.status_code == error.status
    assert json.loads(bytes(response.body)) == {
        "error": said,
        "error_description": error.title,
        "detail": error.code,
    }
    assert response.headers["cache-control"] == "no-store"
    for name, value in error.headers.items():
        assert response.headers[name] == value


def test_a_text_that_the_rfc_does_not_allow_is_made_one_that_it_does() -> None:
    scope: dict[str, Any] = {}
    mark_oauth(scope)
    response = error_response(BodyTooLarge('Über "zwei" Meg\\'), scope)
    assert json.loads(bytes(response.body))["error_description"] == "?ber ?zwei? Meg?"
