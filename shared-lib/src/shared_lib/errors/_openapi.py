"""Problem documents in OpenAPI: the schema, and the entries of an operation's `responses=`."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from shared_lib.errors._api_error import ApiError, FieldError
from shared_lib.errors._oauth import OAuthErrorRead
from shared_lib.errors._problem import PROBLEM_JSON, PROBLEM_TYPE
from shared_lib.errors._standard import ValidationFailed


class Problem(BaseModel):
    """The body of every error outside the OAuth endpoints."""

    type: Annotated[str, Field(description=f"`{PROBLEM_TYPE}` and the code")]
    title: Annotated[str, Field(description="For people; may change")]
    status: Annotated[int, Field(description="The HTTP status once more")]
    detail: Annotated[str, Field(description="The stable code that programs switch on")]
    request_id: Annotated[str, Field(description="Quote it when you report a fault")]
    errors: Annotated[
        list[FieldError] | None,
        Field(description="The wrong values, where the refusal is about values"),
    ] = None
    resource_id: Annotated[
        str | None, Field(description="`request_already_done`: what the request made")
    ] = None


def problems(*errors: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """Entries for `responses=` of an operation, one per status, whose description lists the codes.

    `install_error_handlers` adds the schema that they refer to.
    """
    by_status: dict[int, list[type[ApiError]]] = {}
    for error in sorted(set(errors), key=lambda error: (error.status, error.code)):
        by_status.setdefault(error.status, []).append(error)
    return {
        status: {
            "description": ". ".join(f"`{error.code}`: {error.title}" for error in declared),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, declared in by_status.items()
    }


def oauth_problems(*errors: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """The same for an OAuth endpoint, which answers OAuthErrorRead; name that class in one of the
    operation's own `responses=`, so that the document has its schema.
    """
    schema = {"schema": {"$ref": f"#/components/schemas/{OAuthErrorRead.__name__}"}}
    return {
        status: {**described, "content": {"application/json": schema}}
        for status, described in problems(*errors).items()
    }


def add_problem_schema(document: dict[str, Any]) -> None:
    """Put Problem into an OpenAPI document in the place of FastAPI's own form of 422, which is
    never answered here. A document that has it stays as it is.
    """
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    if "Problem" in schemas:
        return
    problem = Problem.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for path in document.get("paths", {}).values():
        for operation in path.values():
            _replace_validation_error(operation)
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)


def _replace_validation_error(operation: Any) -> None:
    if not isinstance(operation, dict):  # a path's own summary or parameters
        return
    responses: dict[str, Any] = operation.get("responses", {})
    content: dict[str, Any] = responses.get("422", {}).get("content", {})
    schema: dict[str, str] = content.get("application/json", {}).get("schema", {})
    if schema.get("$ref") == "#/components/schemas/HTTPValidationError":
        responses["422"] = problems(ValidationFailed)[ValidationFailed.status]
