"""What callers see of whatever is raised in a route, over real ASGI calls."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import Body, FastAPI, HTTPException
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, field_validator
from structlog.testing import capture_logs

from shared_lib.errors import (
    FieldError,
    NotFound,
    OAuthError,
    ValidationFailed,
    install_error_handlers,
)

SECRET = "hunter2-correct-horse"


class Colour(Enum):
    RED = "red"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int | None = None
    real: float | None = None
    flag: bool | None = None
    id: UUID | None = None
    at: datetime | None = None
    url: AnyUrl | None = None
    colour: Colour | None = None
    short: Annotated[str | None, Field(max_length=3)] = None
    pattern: Annotated[str | None, Field(pattern="^[0-9]+$")] = None
    pet: Annotated[Cat | Dog | None, Field(discriminator="kind")] = None
    items: list[int] = []
    checked: str | None = None

    @field_validator("checked")
    @classmethod
    def never(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("is never right")
        return value


async def raise_for(what: str) -> None:
    raise {
        "api": NotFound("No popup of that name"),
        "fields": ValidationFailed(errors=[FieldError("body.slug", "slug_short", "Too short")]),
        "oauth": OAuthError("invalid_grant", code="invalid_credentials", description="Wrong"),
        "code": HTTPException(409, detail="slug_taken"),
        "text": HTTPException(409, detail="That slug is taken"),
        "text404": HTTPException(404, detail="No such popup"),
        "dict": HTTPException(409, detail={"password": SECRET}),
        "plain401": HTTPException(401),
        "own401": HTTPException(401, headers={"WWW-Authenticate": "Basic"}),
        "teapot": HTTPException(418),
        "unknown": HTTPException(499),
        "500": HTTPException(500, detail=f"failed with {SECRET}"),
        "304": HTTPException(304),
        "revoked": asyncpg.PostgresError.new({"C": "PT401", "M": "revoked"}),
        "gone": asyncpg.PostgresError.new({"C": "57P01", "M": f"shutdown {SECRET}"}),
    }[what]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_handlers(app)
    app.get("/raise/{what}")(raise_for)

    @app.post("/form")
    async def form(form: Annotated[Form, Body()]) -> str:
        return form.model_dump_json()

    @app.put("/form/own")
    async def own() -> None:
        return None

    @app.get("/form/{name}")
    @app.patch("/form/{name}")
    async def named(name: str) -> str:
        return name

    @app.get("/query")
    async def query(limit: int, popup_id: UUID | None = None) -> str:
        return f"{limit} {popup_id}"

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:phase-zero:error:{body['detail']}"
    assert re.fullmatch(r"[0-9a-f-]{36}", body["request_id"])
    return body


async def test_a_coded_error_is_a_problem_document(client: httpx.AsyncClient) -> None:
    response = await client.get("/raise/api")
    body = problem(response)
    del body["request_id"]
    assert body == {
        "type": "urn:phase-zero:error:not_found",
        "title": "No popup of that name",
        "status": 404,
        "detail": "not_found",
    }


async def test_field_errors_of_a_service_are_listed(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/raise/fields"))
    assert body["errors"] == [{"field": "body.slug", "code": "slug_short", "message": "Too short"}]


async def test_an_oauth_error_keeps_the_form_of_the_rfc(client: httpx.AsyncClient) -> None:
    response = await client.get("/raise/oauth")
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_grant"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("what", "status", "code", "title"),
    [
        ("code", 409, "slug_taken", "Conflict"),
        ("text", 409, "conflict", "That slug is taken"),
        ("text404", 404, "not_found", "No such popup"),
        ("dict", 409, "conflict", "Conflict"),
        ("teapot", 418, "im_a_teapot", "I'm a Teapot"),
        ("unknown", 499, "status_499", "Status 499"),
    ],
)
async def test_http_exceptions_of_users_get_a_stable_code(
    client: httpx.AsyncClient, what: str, status: int, code: str, title: str
) -> None:
    response = await client.get(f"/raise/{what}")
    body = problem(response)
    assert (response.status_code, body["detail"], body["title"]) == (status, code, title)
    assert SECRET not in response.text


async def test_a_401_always_has_a_challenge(client: httpx.AsyncClient) -> None:
    plain = await client.get("/raise/plain401")
    assert problem(plain)["detail"] == "unauthorized"
    assert plain.headers["www-authenticate"] == 'Bearer realm="phase-zero"'
    own = await client.get("/raise/own401")
    assert own.headers.get_list("www-authenticate") == ["Basic"]


async def test_a_500_says_nothing_though_the_log_does(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await client.get("/raise/500")
    assert problem(response)["detail"] == "internal_error"
    assert SECRET not in response.text
    assert [entry["event"] for entry in logs] == ["http_exception_500"]


async def test_a_status_below_400_is_left_alone(client: httpx.AsyncClient) -> None:
    response = await client.get("/raise/304")
    assert (response.status_code, response.content) == (304, b"")


async def test_unknown_paths_and_methods(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/nowhere"))["detail"] == "not_found"
    response = await client.delete("/form")
    assert problem(response)["detail"] == "method_not_allowed"
    assert response.headers["allow"] == "POST"


async def test_allow_names_the_methods_of_every_route_of_the_path(
    client: httpx.AsyncClient,
) -> None:
    response = await client.delete("/form/7")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, PATCH"
    assert (await client.delete("/form/own")).headers["allow"] == "PUT"


async def test_errors_of_the_database_are_mapped(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/raise/revoked"))["detail"] == "token_revoked"
    with capture_logs() as logs:
        response = await client.get("/raise/gone")
    assert problem(response)["detail"] == "database_unavailable"
    assert int(response.headers["retry-after"]) > 0
    assert [(entry["event"], entry["sqlstate"]) for entry in logs] == [("database_failed", "57P01")]
    assert SECRET not in str(logs) + response.text


async def test_wrong_values_are_listed_with_dotted_paths(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/query?popup_id=7"))
    assert body["detail"] == "validation_failed"
    found = {(error["field"], error["code"]) for error in body["errors"]}
    assert found == {("query.limit", "missing"), ("query.popup_id", "uuid_parsing")}
    body = problem(await client.post("/form", json={"items": [1, "x"], "extra": 1}))
    found = {(error["field"], error["code"]) for error in body["errors"]}
    assert found == {("body.items.1", "int_parsing"), ("body.extra", "extra_forbidden")}


@pytest.mark.parametrize(
    "field",
    ["number", "real", "flag", "id", "at", "url", "colour", "short", "pattern", "items", "checked"],
)
async def test_no_answer_repeats_a_value(client: httpx.AsyncClient, field: str) -> None:
    response = await client.post("/form", json={field: SECRET})
    body = problem(response)
    assert body["errors"][0]["field"] == f"body.{field}"
    assert body["errors"][0]["message"]
    assert SECRET not in response.text


async def test_a_character_of_a_value_is_not_repeated_either(client: httpx.AsyncClient) -> None:
    body = problem(await client.post("/form", json={"id": "Ω"}))
    assert body["errors"][0]["message"] == "Input should be a valid UUID"
    body = problem(await client.post("/form", json={"pet": {"kind": SECRET}}))
    assert SECRET not in str(body)
    assert body["errors"][0]["code"] == "union_tag_invalid"


async def test_a_validator_s_own_words_reach_people(client: httpx.AsyncClient) -> None:
    body = problem(await client.post("/form", json={"checked": "x"}))
    assert body["errors"][0]["message"] == "is never right"


async def test_json_that_is_none_names_the_body_only(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/form", content=f'{{"a": "{SECRET}', headers={"content-type": "application/json"}
    )
    assert problem(response)["errors"] == [
        {"field": "body", "code": "json_invalid", "message": "The body is not valid JSON"}
    ]
    assert SECRET not in response.text


async def test_a_body_that_is_no_text_is_a_bad_request(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/form", content=b"\xff\xfe\xfd", headers={"content-type": "application/json"}
    )
    assert problem(response)["detail"] == "bad_request"


async def test_the_answer_stays_small_whatever_is_sent(client: httpx.AsyncClient) -> None:
    response = await client.post("/form", json={"items": ["x"] * 5000, "k" * 5000: 1})
    body = problem(response)
    assert len(body["errors"]) == 50
    response = await client.post("/form", json={"k" * 5000: 1})
    assert len(problem(response)["errors"][0]["field"]) == 200
