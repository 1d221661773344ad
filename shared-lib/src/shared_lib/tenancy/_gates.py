"""What stops a service from starting: an operation that does not say who may call it."""

import re
from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import compile_path
from starlette.types import Scope as ASGIScope

from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._openapi import operations
from shared_lib.tenancy._operation import UndeclaredAccess, operation_of
from shared_lib.tenancy._route import OperationRoute


class UnsafeToStart(Exception):
    """A gate refused. The message lists every fault."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__("refusing to start:\n- " + "\n- ".join(faults))


class PublicPaths:
    """Which requests need no token: public operations, and the documents named at creation."""

    def __init__(self, documents: Iterable[str] = ()) -> None:
        self.documents = tuple(documents)
        self._public: list[re.Pattern[str]] = []
        self._guarded: list[tuple[frozenset[str], re.Pattern[str]]] = []

    def read(self, app: FastAPI) -> None:
        """Take the operations from the routes of `app`, once they all stand."""
        self._public, self._guarded = [], []
        for context, operation in operations(app):
            pattern = compile_path(context.path)[0]
            if operation.scope is Scope.PUBLIC:
                self._public.append(pattern)
            else:
                self._guarded.append((frozenset(context.methods), pattern))

    def __call__(self, scope: ASGIScope) -> bool:
        path, method = scope["path"], scope["method"]
        if self.is_document(path):
            return True
        # With a method that it does not have, a public path answers 405 like any other.
        return any(pattern.fullmatch(path) for pattern in self._public) and not any(
            method in methods and pattern.fullmatch(path) for methods, pattern in self._guarded
        )

    def is_document(self, path: str) -> bool:
        """Whether `path` is one of the documents, or lies below one whose name ends in a slash."""
        return any(
            path.startswith(known) if known.endswith("/") else path == known
            for known in self.documents
        )


def check_operations(app: FastAPI, public_paths: PublicPaths) -> None:
    """Refuse undeclared access, hidden routes and routes of another class.

    Raises UnsafeToStart. Called when the application starts, so that routes added late count.
    """
    faults = [
        fault
        for context in iter_route_contexts(app.routes)
        for fault in _route_faults(context, public_paths)
    ]
    if faults:
        raise UnsafeToStart(faults)
    public_paths.read(app)


def _route_faults(context: RouteContext, public_paths: PublicPaths) -> Iterator[str]:
    route = context.original_route
    if not isinstance(route, APIRoute):
        if not {context.path, f"{context.path}/"}.intersection(public_paths.documents):
            yield f"{context.path} is a route that cannot declare access"
        return
    where = f"{'/'.join(sorted(context.methods or ()))} {context.path}"
    if not context.include_in_schema:
        yield f"{where} is hidden from the OpenAPI document"
    if not isinstance(route, OperationRoute):
        yield f"{where} was added behind the application's back: include its router in the app"
    try:
        operation_of(context)
    except UndeclaredAccess as fault:
        yield f"{where}: {fault}"
