"""Calls a handler with what it asks for, without what FastAPI does for other shapes of handler.

FastAPI solves dependencies by walking through their declarations at every request, with exit stacks
for generators that most handlers do not have. Here the walk happens once. Every value is still
taken, validated and refused by FastAPI's own functions; what they raise is what FastAPI raises.
"""

import inspect
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi._compat.shared import field_annotation_is_scalar
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import (
    _get_param_aliases,
    _is_json_field,
    _should_embed_body_fields,
    request_body_to_args,
    request_params_to_args,
)
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.params import Form
from fastapi.routing import RouteContext
from pydantic_core import PydanticUndefined
from starlette.datastructures import QueryParams

from shared_lib.tenancy._access import Idempotent
from shared_lib.tenancy._guard import Guard

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_SHORT = 256  # bytes of a query string that is worth remembering
_SAY_WHAT_WAS_ASKED = (Guard.__call__, Idempotent.__call__)
_UNSUPPORTED = (
    "websocket_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
    "own_oauth_scopes",
    "parent_oauth_scopes",
    "concurrency",
)


class _Parameter:
    """A parameter of the handler or of a dependency, as FastAPI declares it."""

    __slots__ = ("_alias", "_default", "_field", "_place")

    def __init__(self, field: Any) -> None:
        self._field = field
        aliases = [alias for _, alias in _get_param_aliases(field)]
        # One name and one value; FastAPI would ask for that again at every request.
        scalar = field_annotation_is_scalar(field.field_info.annotation) and len(aliases) == 1
        self._alias = aliases[0] if scalar and not _is_json_field(field) else None
        self._place = (field.field_info.in_.value, aliases[0])
        self._default = _plain_default(field) if self._alias else PydanticUndefined

    def take(self, received: Any, values: dict[str, Any]) -> list[Any]:
        """Put the value into `values`; what is wrong with it."""
        value = None if self._alias is None else received.get(self._alias)
        if value is None:
            if self._default is not PydanticUndefined:
                values[self._field.name] = self._default
                return []
            return _take([self._field], received, values)
        taken, wrong = self._field.validate(value, values, loc=self._place)
        if not wrong:
            values[self._field.name] = taken
        return list(wrong)


def _plain_default(field: Any) -> Any:
    """The default, where it is taken as it stands; PydanticUndefined where there is more to do."""
    information = field.field_info
    if information.is_required() or information.validate_default or information.default_factory:
        return PydanticUndefined
    default = field.default
    immutable = default is None or type(default) in {bool, int, float, str}
    return default if immutable else PydanticUndefined


@dataclass(frozen=True, slots=True)
class _Call:
    """One function, and where its arguments come from."""

    call: Callable[..., Any]
    name: str | None
    use_cache: bool
    needs: tuple["_Call", ...]
    path: list[_Parameter]
    query: list[_Parameter]
    headers: list[Any]
    cookies: list[Any]
    body: list[Any]
    embeds: bool
    whole_body: bool
    request_names: tuple[str, ...]


def reads_form(context: RouteContext) -> bool:
    """Whether the handler's body is a form."""
    field = context.body_field
    return field is not None and isinstance(field.field_info, Form)


def direct_handler(context: RouteContext) -> Handler | None:
    """What calls the handler of `context`; None where only FastAPI itself can.

    That is: for handlers that do not promise a Response, and for dependencies that are generators,
    run in threads, or ask for anything but the request, parameters, a JSON body and each other.
    The operation's guards must have been checked: those that give no value are not called again.
    """
    dependant = context.dependant
    returned = _returned(dependant.call)
    if not (isinstance(returned, type) and issubclass(returned, Response)) or reads_form(context):
        return None
    has_body = context.body_field is not None
    endpoint = _compile(dependant, embed=context._embed_body_fields)  # noqa: SLF001
    if endpoint is None:
        return None

    async def handle(request: Request) -> Response:
        body = await _json(request) if has_body else PydanticUndefined
        values, errors = await _arguments(endpoint, request, {}, body)
        if errors:
            raise RequestValidationError(errors, body=None if body is PydanticUndefined else body)
        response = await endpoint.call(**values)
        if not isinstance(response, Response):
            raise TypeError(f"{context.name} promises a Response and returns something else")
        return response

    return handle


def _returned(call: Callable[..., Any] | None) -> Any:
    try:
        return inspect.signature(call, eval_str=True).return_annotation if call else None
    except (NameError, TypeError, ValueError):
        return None


def _compile(dependant: Dependant, *, embed: bool) -> _Call | None:
    call = dependant.call
    if call is None or not _is_coroutine_function(call):
        return None
    if any(getattr(dependant, name) for name in _UNSUPPORTED):
        return None
    needs = []
    for dependency in dependant.dependencies:
        # A class made of one of them may ask for more.
        if dependency.name is None and type(dependency.call).__call__ in _SAY_WHAT_WAS_ASKED:
            continue
        need = _compile(dependency, embed=embed)
        if need is None:
            return None
        needs.append(need)
    names = (dependant.http_connection_param_name, dependant.request_param_name)
    return _Call(
        call=call,
        name=dependant.name,
        use_cache=dependant.use_cache,
        needs=tuple(needs),
        path=[_Parameter(field) for field in dependant.path_params],
        query=[_Parameter(field) for field in dependant.query_params],
        headers=dependant.header_params,
        cookies=dependant.cookie_params,
        body=dependant.body_params,
        embeds=embed,
        # One model that the body is, and no member of it.
        whole_body=not embed and not _should_embed_body_fields(dependant.body_params),
        request_names=tuple(name for name in names if name),
    )


def _is_coroutine_function(call: Callable[..., Any]) -> bool:
    if inspect.isroutine(call):
        return inspect.iscoroutinefunction(call)
    return inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


async def _arguments(
    this: _Call, request: Request, called: dict[Any, Any], body: Any
) -> tuple[dict[str, Any], list[Any]]:
    """The arguments of `this` and what is wrong with them; dependencies are called on the way."""
    values: dict[str, Any] = {}
    errors: list[Any] = []
    for need in this.needs:
        arguments, wrong = await _arguments(need, request, called, body)
        if wrong:
            errors += wrong
            continue
        if need.use_cache and need.call in called:
            value = called[need.call]
        else:
            value = await need.call(**arguments)
            called.setdefault(need.call, value)
        if need.name is not None:
            values[need.name] = value
    errors += _parameters(this, request, values)
    if this.body:
        errors += await _body(this, body, values)
    for name in this.request_names:
        values[name] = request
    return values, errors


def _parameters(this: _Call, request: Request, values: dict[str, Any]) -> list[Any]:
    """Put what path, query, headers and cookies say into `values`; what is wrong with it."""
    errors: list[Any] = []
    for parameter in this.path:
        errors += parameter.take(request.path_params, values)
    if this.query:
        query = _query(request.scope["query_string"])
        for parameter in this.query:
            errors += parameter.take(query, values)
    if this.headers:
        errors += _take(this.headers, request.headers, values)
    if this.cookies:
        errors += _take(this.cookies, request.cookies, values)
    return errors


def _query(sent: bytes) -> QueryParams:
    """What `request.query_params` would say."""
    return _parsed(sent) if len(sent) <= _SHORT else QueryParams(sent)


# Most clients ask for the first page, and always in the same words.
@lru_cache(1024)
def _parsed(sent: bytes) -> QueryParams:
    return QueryParams(sent)


async def _body(this: _Call, body: Any, values: dict[str, Any]) -> list[Any]:
    """Put what the body says into `values`; what is wrong with it."""
    if this.whole_body and body is not PydanticUndefined:
        field = this.body[0]
        values[field.name], wrong = field.validate(body, values, loc=("body",))
        return list(wrong)
    taken, errors = await request_body_to_args(this.body, body, this.embeds)
    values.update(taken)
    return errors


def _take(fields: list[Any], received: Any, values: dict[str, Any]) -> list[Any]:
    taken, wrong = request_params_to_args(fields, received)
    values.update(taken)
    return wrong


async def _json(request: Request) -> Any:
    """The body, or PydanticUndefined for none; what FastAPI raises for one that is no JSON."""
    try:
        if not await request.body():
            return PydanticUndefined
        return await request.json()
    except json.JSONDecodeError as error:
        fault = {
            "type": "json_invalid",
            "loc": ("body", error.pos),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": error.msg},
        }
        raise RequestValidationError([fault], body=error.doc) from error
    except HTTPException:
        raise
    except Exception as error:
        text = "There was an error parsing the body"
        raise HTTPException(HTTPStatus.BAD_REQUEST, text) from error
