"""Further members of a problem (RFC 9457 3.2)."""

import json

from shared_lib.errors import MissingPermission, Problem, RateLimited, problem_response
from shared_lib.idempotency import RequestAlreadyDone


def test_an_extension_stands_beside_the_standard_members() -> None:
    body = json.loads(bytes(problem_response(RequestAlreadyDone("4711"), "a-request").body))
    assert body == {
        "type": "urn:phase-zero:error:request_already_done",
        "title": RequestAlreadyDone.title,
        "status": 409,
        "detail": "request_already_done",
        "request_id": "a-request",
        "resource_id": "4711",
    }
    assert body.keys() <= Problem.model_fields.keys()


def test_an_extension_cannot_replace_a_standard_member() -> None:
    error = MissingPermission(extensions={"detail": "fine", "status": 200})
    body = json.loads(bytes(problem_response(error, "a-request").body))
    assert (body["detail"], body["status"]) == ("missing_permission", 403)


def test_a_429_always_says_when_to_come_back() -> None:
    assert problem_response(RateLimited(), "x").headers["retry-after"] == "1"
