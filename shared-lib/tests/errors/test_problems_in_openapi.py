"""What the OpenAPI document says of errors."""

from fastapi import FastAPI

from shared_lib.errors import (
    InvalidToken,
    MissingToken,
    NotFound,
    ValidationFailed,
    install_error_handlers,
    problems,
)


def documented() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/things/{number}", responses=problems(NotFound, MissingToken, InvalidToken))
    async def thing(number: int) -> int:
        return number

    return app


def test_several_errors_share_a_status_and_are_named_by_code() -> None:
    entries = problems(NotFound, MissingToken, InvalidToken, MissingToken)
    assert list(entries) == [401, 404]
    assert entries[401]["description"] == (
        "`invalid_token`: The access token is not valid. "
        "`missing_token`: An access token is required"
    )
    assert entries[404]["description"] == "`not_found`: There is nothing here"


def test_every_reference_to_the_schema_is_answered_in_components() -> None:
    document = documented().openapi()
    responses = document["paths"]["/things/{number}"]["get"]["responses"]
    for status in ("401", "404", "422"):
        assert responses[status]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
    schemas = document["components"]["schemas"]
    assert schemas["Problem"]["required"] == ["type", "title", "status", "detail", "request_id"]
    assert set(schemas["FieldError"]["properties"]) == {"field", "code", "message"}


def test_the_framework_s_own_form_of_422_is_gone() -> None:
    document = documented().openapi()
    responses = document["paths"]["/things/{number}"]["get"]["responses"]
    assert responses["422"] == problems(ValidationFailed)[422]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "ValidationError" not in document["components"]["schemas"]


def test_the_document_is_the_same_when_asked_for_again() -> None:
    app = documented()
    assert app.openapi() == app.openapi()
