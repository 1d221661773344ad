"""RFC 6749 5.2, to the letter."""

import json

import pytest

from shared_lib.errors import OAuthError, oauth_response


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
