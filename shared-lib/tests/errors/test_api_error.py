"""The class contract of coded errors and the registry behind the reference page."""

import pytest

from shared_lib import errors
from shared_lib.errors import ApiError, InvalidToken, MissingToken, TokenRevoked, list_errors

STANDARD = {
    errors.BadRequest: (400, "bad_request"),
    errors.MissingToken: (401, "missing_token"),
    errors.InvalidToken: (401, "invalid_token"),
    errors.TokenRevoked: (401, "token_revoked"),
    errors.MissingPermission: (403, "missing_permission"),
    errors.TenantRequired: (403, "tenant_required"),
    errors.TenantBlocked: (403, "tenant_blocked"),
    errors.ReadOnly: (403, "read_only"),
    errors.NotFound: (404, "not_found"),
    errors.MethodNotAllowed: (405, "method_not_allowed"),
    errors.BodyTooLarge: (413, "body_too_large"),
    errors.ValidationFailed: (422, "validation_failed"),
    errors.InternalError: (500, "internal_error"),
    errors.KeysUnavailable: (503, "keys_unavailable"),
    errors.DatabaseUnavailable: (503, "database_unavailable"),
    errors.OutcomeUnknown: (503, "outcome_unknown"),
    errors.AuditUnavailable: (503, "audit_unavailable"),
}


@pytest.mark.parametrize(("error", "expected"), STANDARD.items(), ids=str)
def test_standard_errors_keep_status_and_code(
    error: type[ApiError], expected: tuple[int, str]
) -> None:
    assert (error.status, error.code) == expected
    assert error.title


def test_every_standard_error_is_listed_once_by_code() -> None:
    listed = list_errors()
    codes = [error.code for error in listed]
    assert codes == sorted(set(codes))
    assert set(STANDARD) <= set(listed)


@pytest.mark.parametrize("missing", ["code", "status", "title"])
def test_a_class_without_one_of_the_three_is_refused(missing: str) -> None:
    complete = {"code": f"without_{missing}", "status": 409, "title": "A title"}
    del complete[missing]
    with pytest.raises(TypeError, match=f"does not set {missing}"):
        type("Incomplete", (ApiError,), complete)


def test_a_subclass_of_an_error_does_not_inherit_its_code() -> None:
    with pytest.raises(TypeError, match="does not set code, status, title"):
        type("Inheriting", (errors.NotFound,), {})


def test_a_taken_code_is_refused_and_stays_with_its_first_class() -> None:
    with pytest.raises(TypeError, match="'not_found' of NotFound"):
        type("Twin", (ApiError,), {"code": "not_found", "status": 404, "title": "Twin"})
    assert [error for error in list_errors() if error.code == "not_found"] == [errors.NotFound]


@pytest.mark.parametrize("code", ["NotSnake", "kebab-case", "", "_x", "x_", "a__b", "1a", "ä"])
def test_a_code_that_is_not_snake_case_is_refused(code: str) -> None:
    with pytest.raises(TypeError, match="snake_case"):
        type("Badly", (ApiError,), {"code": code, "status": 409, "title": "Badly"})


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_status_that_is_no_error_is_refused(status: int) -> None:
    with pytest.raises(TypeError, match="no error status"):
        type("Fine", (ApiError,), {"code": f"fine_{status}", "status": status, "title": "Fine"})


def test_the_challenge_names_an_error_only_when_a_token_was_sent() -> None:
    assert MissingToken().headers == {"www-authenticate": 'Bearer realm="phase-zero"'}
    sent = {"www-authenticate": 'Bearer realm="phase-zero", error="invalid_token"'}
    assert InvalidToken().headers == sent
    assert TokenRevoked().headers == sent


@pytest.mark.parametrize("error", [error for error in STANDARD if error.status == 503])
def test_unavailable_says_when_to_come_back(error: type[ApiError]) -> None:
    assert int(error().headers["retry-after"]) > 0


def test_headers_of_an_instance_win_whatever_their_case() -> None:
    error = errors.DatabaseUnavailable(headers={"Retry-After": "60", "X-Extra": "1"})
    assert error.headers == {"retry-after": "60", "x-extra": "1"}
    assert errors.DatabaseUnavailable().headers == {"retry-after": "5"}


def test_the_message_stands_in_place_of_the_title() -> None:
    assert errors.NotFound().message == errors.NotFound.title
    assert errors.NotFound("No popup of that name").message == "No popup of that name"
    assert str(errors.NotFound("No popup of that name")) == "No popup of that name"
