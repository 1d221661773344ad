"""Whether the index over the routes of an application finds what its router finds."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.types import ASGIApp, Message

from shared_lib.tenancy import IndexMiddleware, RouteIndex
from shared_lib.tenancy._index import as_the_router

_VALUE = "018f0000-0000-7000-8000-000000000001"


class _Found(Exception):
    """The search has ended, and the operation begins to read its body."""


async def dispatched_differently(app: FastAPI) -> tuple[list[str], int]:
    """Requests that the index gives to another endpoint than the router does, and how many it
    serves itself. Each method of each route, and methods and paths that are nobody's.
    """
    index = RouteIndex(app)
    contexts = [each for each in iter_route_contexts(app.routes) if each.path_format]
    paths = {_filled(str(each.path_format)) for each in contexts} | {"/", "/nobody", "/api/v1/"}
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
    router = as_the_router(app, app.router.app)
    searches = (router, IndexMiddleware(router, index.find))
    different, served = [], 0
    for path in sorted(paths | {f"{path}/" for path in paths}):
        for method in sorted(methods):
            served += index.find(method, path) is not None
            found = [await _search(search, app, method, path) for search in searches]
            if found[0] != found[1]:
                different.append(f"{method} {path}: {found}")
    return different, served


def operation_count(app: FastAPI) -> int:
    """Pairs of a method and a path among the API's own routes."""
    routes = [each for each in iter_route_contexts(app.routes) if each.methods]
    return sum(
        len(each.methods or ()) for each in routes if isinstance(each.original_route, APIRoute)
    )


def _filled(path_format: str) -> str:
    return "/".join(_VALUE if part.startswith("{") else part for part in path_format.split("/"))


async def _search(search: ASGIApp, app: FastAPI, method: str, path: str) -> tuple[Any, ...]:
    state = {"token": None, "request_id": _VALUE, "client_ip": ""}
    scope: dict[str, Any] = {
        "type": "http",
        "app": app,
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "state": state,
    }

    async def receive() -> Message:
        raise _Found

    async def send(_message: Message) -> None:
        return

    error = ""
    try:
        await search(scope, receive, send)
    except Exception as raised:  # noqa: BLE001  # whatever it is: what was found stands in the scope
        error = repr(raised)
    included = scope.get("fastapi", {}).get("effective_route_context")
    template = getattr(included or scope.get("route"), "path_format", None)
    return scope.get("endpoint"), scope.get("path_params"), template, error
