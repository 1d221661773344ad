"""What an OpenAPI document says of a service's operations, and the requests that are made of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from typing_extensions import override

__all__ = ["DOCUMENTS", "IdInput", "Operation", "read_operations"]

DOCUMENTS = {
    "product-core-api": "/api/v1/openapi.json",
    "identity-service": "/openapi.json",
}
"""Where each service shows its document."""

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_PLACE = re.compile(r"\{(\w+)[^}]*\}")
_NO_OBJECT: list[object] = []
_REFERENCE = "$ref"
_BY_FORMAT = {"email": "somebody@example.com", "date-time": "2040-01-01T00:00:00Z"}
_BY_TYPE: dict[str, Any] = {"boolean": False, "null": None, "number": 1}


@dataclass(frozen=True)
class IdInput:
    """A place of a request that takes an id: `where` is path, query, json or form."""

    where: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.where} {self.name}"


@dataclass(frozen=True)
class Operation:
    """An operation of a service, and the client that calls it."""

    service: str
    name: str
    method: str
    path: str
    client: httpx.AsyncClient = field(repr=False, compare=False)
    described: Mapping[str, Any] = field(repr=False, compare=False)
    schemas: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def access(self) -> Mapping[str, Any]:
        """What the service declares about who may call it."""
        declared: Mapping[str, Any] = self.described["x-access"]
        return declared

    def harmless(self) -> dict[str, Any]:
        """A request that changes nothing even where it is let through: nothing has its ids, and its
        body is none. Operations that take neither an id nor a body do what they do.
        """
        return self.request({})

    def request(self, given: Mapping[IdInput, str]) -> dict[str, Any]:
        """The arguments of a call of `httpx`. Ids that are not `given` are those of nothing.

        The body is no good one, unless something is given: then it is made up.
        """
        chosen = {(each.where, each.name): value for each, value in given.items()}
        request: dict[str, Any] = {"method": self.method, "url": self._filled(chosen)}
        params = {name: value for (where, name), value in chosen.items() if where == "query"}
        if params:
            request["params"] = params
        json = {name: value for (where, name), value in chosen.items() if where == "json"}
        if _JSON in self._bodies:
            made = _example(self._schema(_JSON), self.schemas) if given else None
            request["json"] = _NO_OBJECT if made is None else {**made, **json}
        elif _FORM in self._bodies:
            form = {name: value for (where, name), value in chosen.items() if where == "form"}
            request["data"] = form
        return request

    def id_inputs(self) -> tuple[IdInput, ...]:
        """Every parameter of path and query and every field of the body that is shaped like an id:
        a UUID, or named as one.
        """
        parameters = [
            IdInput(each["in"], each["name"])
            for each in self.described.get("parameters", ())
            if each["in"] in {"path", "query"} and self._is_id(each["name"], each["schema"])
        ]
        fields = [
            IdInput(where, name)
            for where, kind in (("json", _JSON), ("form", _FORM))
            if kind in self._bodies
            for name, schema in self._schema(kind).get("properties", {}).items()
            if self._is_id(name, schema)
        ]
        return (*parameters, *fields)

    @property
    def has_places(self) -> bool:
        """Whether its path has parameters."""
        return "{" in self.path

    @property
    def _bodies(self) -> Mapping[str, Any]:
        bodies: Mapping[str, Any] = self.described.get("requestBody", {}).get("content", {})
        return bodies

    def _schema(self, kind: str) -> Mapping[str, Any]:
        return _resolved(self._bodies[kind]["schema"], self.schemas)

    def _filled(self, chosen: Mapping[tuple[str, str], str]) -> str:
        return _PLACE.sub(lambda place: chosen.get(("path", place[1])) or str(uuid4()), self.path)

    def _is_id(self, name: str, schema: Mapping[str, Any]) -> bool:
        named = name == "id" or name.endswith("_id")
        return named or any(
            each.get("format") == "uuid" for each in _alternatives(schema, self.schemas)
        )


async def read_operations(service: str, client: httpx.AsyncClient) -> dict[str, Operation]:
    """Every operation of the document that `service` shows now, by operationId.

    Raises httpx.HTTPError when it shows none.
    """
    response = await client.get(DOCUMENTS[service])
    response.raise_for_status()
    document = response.json()
    schemas = document.get("components", {}).get("schemas", {})
    return {
        described["operationId"]: Operation(
            service, described["operationId"], method.upper(), path, client, described, schemas
        )
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    }


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    while _REFERENCE in schema:
        schema = schemas[schema[_REFERENCE].rpartition("/")[2]]
    return schema


def _alternatives(
    schema: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    schema = _resolved(schema, schemas)
    yield schema
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _alternatives(each, schemas)
    if "items" in schema:
        yield from _alternatives(schema["items"], schemas)


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that `schema` allows, as small as that may be; objects with what they require."""
    schema = _resolved(schema, schemas)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    return allowed[0] if allowed else _of_type(schema, schemas)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {
                each: _example(properties[each], schemas) for each in schema.get("required", ())
            }
        case "array":
            return [_example(schema["items"], schemas)] * schema.get("minItems", 0)
        case "integer":
            return schema.get("minimum", 1)
        case "string":
            return _text(schema)
        case kind:
            return _BY_TYPE.get(str(kind))


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "uuid":
        return str(UUID(int=uuid4().int))
    return _BY_FORMAT.get(schema.get("format", "")) or "x" * max(schema.get("minLength", 1), 1)
