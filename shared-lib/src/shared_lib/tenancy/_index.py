"""The index over the routes: finds an operation without asking every router about every path.

FastAPI asks the routes one after the other, those of included routers twice. The index answers the
same for the operations that it holds and leaves everything else to the router: unknown paths,
methods that a path does not have, redirects, mounts, websockets, forms.

It lies inside all middleware but that which FastAPI puts around its router (for handlers of
exceptions, and files to close). An operation that is called directly needs that only when it fails.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.convertors import Convertor, PathConvertor
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shared_lib.tenancy._direct import Handler, direct_handler, reads_form
from shared_lib.tenancy._operation import operation_of
from shared_lib.tenancy._route import OperationRoute, serve

_JSON = b"application/json"

# Who serves a request, and what the search puts into its scope; None: ask the router.
Found: TypeAlias = tuple[ASGIApp, dict[str, Any]] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One route as included; `app` is None for one that the router must serve itself."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    path: str
    convertors: dict[str, Convertor[Any]]
    found: dict[str, Any]
    included: Any
    app: ASGIApp | None


class IndexMiddleware:
    """Has what `find` finds serve the request, and the router what it does not."""

    def __init__(self, app: ASGIApp, find: Callable[[str, str], Found]) -> None:
        self.app = app
        self.find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and not scope.get("root_path"):
            found = self.find(scope["method"], scope["path"])
        if found is None:
            await self.app(scope, receive, send)
            return
        app, changes = found
        scope.update(changes)
        await app(scope, receive, send)


class RouteIndex:
    """The routes that an application has when the index is made.

    What is added to the application later is still found, by the router. Nothing may be removed.
    Raises UndeclaredAccess.
    """

    def __init__(self, app: FastAPI) -> None:
        self._router = app.router
        self._fixed: dict[tuple[str, str], _Entry | None] = {}
        self._shaped: dict[tuple[str, int], list[_Entry]] = {}
        entries = list(_entries(app))
        for entry in entries:
            for method in entry.methods:
                self._add(method, entry, entries)

    def _add(self, method: str, entry: _Entry, entries: list[_Entry]) -> None:
        if entry.convertors:
            self._shaped.setdefault((method, entry.path.count("/")), []).append(entry)
            return
        first = next(
            each for each in entries if method in each.methods and each.pattern.match(entry.path)
        )
        if first is entry:
            self._fixed[method, entry.path] = entry if entry.app is not None else None

    def find(self, method: str, path: str) -> Found:
        """Who serves the request."""
        entry = self._fixed.get((method, path), _ABSENT)
        if entry is None:
            return None
        if entry is not _ABSENT:
            return self._found(entry, {})
        if path.endswith("\n"):  # to the router it may be the path without it
            return None
        for candidate in self._shaped.get((method, path.count("/")), ()):
            match = candidate.pattern.match(path)
            if match is None:
                continue
            if candidate.app is None:
                return None
            given, convertors = match.groupdict(), candidate.convertors
            return self._found(
                candidate, {name: convertors[name].convert(given[name]) for name in given}
            )
        return None

    def _found(self, entry: _Entry, parameters: dict[str, Any]) -> Found:
        assert entry.app is not None  # noqa: S101 - only such entries are found
        changes = {**entry.found, "router": self._router, "path_params": parameters}
        if entry.included is not None:
            changes["fastapi"] = {"effective_route_context": entry.included}
        return entry.app, changes


class _Direct:
    """Serves an operation whose handler needs nothing of FastAPI's for itself."""

    def __init__(self, app: FastAPI, context: RouteContext, handler: Handler) -> None:
        self._app = app
        self._general = as_the_router(app, context.app)
        self._operation = operation_of(context)
        self._handler = handler
        self._has_body = context.body_field is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app.dependency_overrides or (self._has_body and not _is_plain_json(scope)):
            await self._general(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response: ASGIApp = await serve(self._operation, request, self._handler)
        except Exception as error:  # noqa: BLE001  # what has no handler is raised again
            response = as_the_router(self._app, _failed(request, error))
        await response(scope, receive, send)


def as_the_router(app: FastAPI, served: ASGIApp) -> ASGIApp:
    """`served` with what FastAPI puts around its router."""
    handlers = {
        handled: handler
        for handled, handler in app.exception_handlers.items()
        if handled not in (HTTPStatus.INTERNAL_SERVER_ERROR, Exception)  # outermost
    }
    return ExceptionMiddleware(AsyncExitStackMiddleware(served), handlers, debug=app.debug)


def _failed(request: Request, error: Exception) -> ASGIApp:
    """A route in which `error` was raised; handlers get `request`, whose body was read."""

    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await wrap_app_handling_exceptions(fail, request)(scope, receive, send)

    return route


def _is_plain_json(scope: Scope) -> bool:
    sent = [value for name, value in scope["headers"] if name == b"content-type"]
    return sent == [_JSON]


def _entries(app: FastAPI) -> Iterator[_Entry]:
    """In the order in which the router asks, up to the first route whose paths are not known."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, Route | APIRoute) or context.path is None:
            return
        convertors: dict[str, Convertor[Any]] = dict(context.param_convertors)
        if any(isinstance(each, PathConvertor) for each in convertors.values()):
            return
        ours = isinstance(route, OperationRoute)
        if ours and _has_own(route, "matches"):
            return
        ours = ours and not _has_own(route, "handle")
        if not ours and convertors:
            return
        included = context._route_context  # noqa: SLF001 - FastAPI has no public word for it
        yield _Entry(
            methods=frozenset(context.methods or ()),
            pattern=context.path_regex,
            path=context.path,
            convertors=convertors,
            found={"endpoint": context.endpoint, "route": route},
            included=included,
            app=_app(app, context) if ours else None,
        )


def _app(app: FastAPI, context: RouteContext) -> ASGIApp | None:
    if reads_form(context):
        return None
    handler = direct_handler(context) if _is_built_as_ours(context) else None
    if handler is None:
        return as_the_router(app, context.app)
    return _Direct(app, context, handler)


def _has_own(route: Any, method: str) -> bool:
    """Whether a route, or its class, has a method in place of OperationRoute's."""
    return method in vars(route) or getattr(type(route), method) is not getattr(
        OperationRoute, method
    )


def _is_built_as_ours(context: RouteContext) -> bool:
    """Whether what serves the route is OperationRoute's, and nothing stands in front of that.

    FastAPI builds what serves an included route anew. One that was not included may have been
    wrapped by whoever made it.
    """
    included = context._route_context is not None  # noqa: SLF001 - FastAPI has no public word for it
    own = _has_own(context.original_route, "get_route_handler")
    return included and not own and context.max_body_size is None


_ABSENT: Any = object()
