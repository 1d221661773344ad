"""What the OpenAPI document promises, held against the application."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from shared_lib.errors import list_errors
from shared_lib.tenancy import operation_of
from tests.documented import operations

_CODE = re.compile(r"`([a-z_]+)`")
KEY_CODES = {"invalid_idempotency_key", "idempotency_key_reused", "request_in_progress"}
SCOPES = {"public", "user", "organization", "platform", "service"}
# The caller's own organization is `org` in URLs, permissions and the trail.
TAG_DIRECTORIES = {"org": "organizations"}

pytestmark = pytest.mark.database


def _codes(described: dict[str, Any]) -> set[str]:
    return {
        code
        for status, response in described["responses"].items()
        if int(status) >= 400
        for code in _CODE.findall(response["description"])
    }


def _routes(application: FastAPI) -> Iterator[Any]:
    for context in iter_route_contexts(application.routes):
        if isinstance(context.original_route, APIRoute):
            yield context


def test_every_operation_declares_its_access(application: FastAPI) -> None:
    found = operations(application)
    assert len(found) > 20
    for name, (_, path, described) in found.items():
        access = described["x-access"]
        assert access["scope"] in SCOPES, name
        public = access["scope"] == "public"
        assert described["security"] == ([] if public else [{"bearer": access["permissions"]}])
        assert path.startswith("/internal/") == (access["scope"] == "service"), name
        if access["scope"] in ("organization", "platform"):
            assert access["permissions"], name
        assert described["summary"], name
        assert described["description"], name


def test_modes_in_which_operations_work(application: FastAPI) -> None:
    """Beyond the usual only what the design names: sight of support, and consent."""
    beyond = {
        name
        for name, (_, _, described) in operations(application).items()
        if described["x-access"]["scope"] == "organization"
        and "blocked" in described["x-access"]["owner_modes"]
    }
    assert beyond == {
        *("get_org", "list_audit_events", "list_support_sessions"),
        *("end_support_session_of_org", "update_support_access"),
    }


def test_names_are_those_of_the_functions(application: FastAPI) -> None:
    documented = operations(application)
    functions = [context.original_route.endpoint.__name__ for context in _routes(application)]
    assert sorted(functions) == sorted(documented)
    assert [name for name, times in Counter(functions).items() if times > 1] == []


def test_tags_are_directories(application: FastAPI) -> None:
    for context in _routes(application):
        module = context.original_route.endpoint.__module__.split(".")
        directory = module[2] if module[:2] == ["app", "modules"] else module[-1]
        (tag,) = context.tags
        assert TAG_DIRECTORIES.get(tag, tag) == directory, context.path


def test_every_documented_code_exists_and_every_code_of_ours_is_documented(
    application: FastAPI,
) -> None:
    statuses = {error.code: error.status for error in list_errors()}
    documented: set[str] = set()
    for name, (_, _, described) in operations(application).items():
        for status, response in described["responses"].items():
            for code in _CODE.findall(response["description"]) if int(status) >= 400 else ():
                assert statuses.get(code) == int(status), (name, code)
        documented |= _codes(described)
    ours = {error.code for error in list_errors() if error.__module__.startswith("app.")}
    assert ours <= documented


def test_what_every_caller_may_be_answered_is_documented(application: FastAPI) -> None:
    for name, (_, _, described) in operations(application).items():
        codes, scope = _codes(described), described["x-access"]["scope"]
        if scope == "public":
            continue
        assert codes >= {"missing_token", "invalid_token", "token_revoked"}, name
        assert codes >= {"keys_unavailable", "database_unavailable"}, name
        if scope == "organization":
            assert codes >= {"tenant_required", "missing_permission"}, name
        if "requestBody" in described or described.get("parameters"):
            assert "validation_failed" in codes, name
        if scope == "platform" or (scope != "service" and described["x-access"]["support"]):
            assert "audit_unavailable" in codes, name


def test_what_creates_takes_an_idempotency_key_or_says_why_not(application: FastAPI) -> None:
    creating = {
        context.original_route.endpoint.__name__: operation_of(context)
        for context in _routes(application)
        if "POST" in context.methods and context.status_code == 201
    }
    assert {"create_popup", "start_support_session"} <= set(creating)
    assert [name for name, operation in creating.items() if operation.idempotent is None] == []
    for name, operation in creating.items():
        _, _, described = operations(application)[name]
        keys = [p for p in described.get("parameters", ()) if p["name"] == "Idempotency-Key"]
        takes_key = not (operation.idempotent and operation.idempotent.reason)
        assert [key["in"] for key in keys] == (["header"] if takes_key else []), name
        assert (_codes(described) >= KEY_CODES) == takes_key, name
        assert ("Idempotency-Replayed" in described["responses"]["201"].get("headers", ())) == (
            takes_key
        ), name
        credential = operation.idempotent and operation.idempotent.keeps
        assert ("request_already_done" in _codes(described)) == bool(credential), name


def test_too_many_requests_are_documented(application: FastAPI) -> None:
    for name, (_, path, described) in operations(application).items():
        counted = not path.startswith(("/health/", "/internal/", "/.well-known/"))
        assert ("rate_limited" in _codes(described)) == counted, name


def test_lists_say_what_they_cost(application: FastAPI) -> None:
    lists = [
        (name, described)
        for name, (method, _, described) in operations(application).items()
        if method == "GET" and name.startswith(("list_", "search_"))
    ]
    assert len(lists) >= 7
    for name, described in lists:
        parameters = {parameter["name"]: parameter for parameter in described["parameters"]}
        assert {"skip", "limit", "cursor"} <= set(parameters), name
        limit = parameters["limit"]["schema"]
        assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 50), name
        assert "counts the whole list" in parameters["skip"]["description"]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _references(part)


def test_the_document_is_whole(application: FastAPI) -> None:
    document = application.openapi()
    assert document["openapi"].startswith("3.1")
    for reference in set(_references(document)):
        place = document
        assert reference.startswith("#/")
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    schemas = document["components"]["schemas"]
    assert {"Problem", "PopupRead", "PopupListing", "PopupCreate", "PopupUpdate"} <= set(schemas)
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    for name, (_, path, described) in operations(application).items():
        declared = {p["name"] for p in described.get("parameters", []) if p["in"] == "path"}
        assert declared == set(re.findall(r"{([a-z_]+)}", path)), name
        successes = [status for status in described["responses"] if status.startswith("2")]
        assert len(successes) == 1, name
        has_content = "content" in described["responses"][successes[0]]
        assert has_content == (successes != ["204"]), name
