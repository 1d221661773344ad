"""What stops a service from starting: an operation or a database that is not as declared."""

import asyncio
import re
import time
from collections.abc import Iterable, Iterator

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from sqlalchemy import MetaData
from starlette.routing import compile_path
from starlette.types import Scope as ASGIScope

from shared_lib.errors import DatabaseUnavailable, api_error_from_database
from shared_lib.tables import ServerState, catalogue_faults, role_faults, server_state
from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._database import Database
from shared_lib.tenancy._openapi import operations
from shared_lib.tenancy._operation import UndeclaredAccess, operation_of
from shared_lib.tenancy._route import OperationRoute

_PATIENCE = 30.0  # seconds that a service or worker waits for PostgreSQL when it starts
_PAUSE = 0.5
_log = structlog.get_logger(__name__)


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


async def check_database(
    databases: Iterable[Database], metadata: MetaData, name: str, *, require_patched: bool
) -> ServerState:
    """Refuse roles that row level security does not bind and tables that are not as declared.

    `name` prefixes the roles; the first of `databases` is that of most requests. Warns about what
    the server itself leaves open: a minor version with a known leak (refused when
    `require_patched`), `set_config` open to requests. A server that is away, as after a crash of
    the machine, is waited for, half a minute.
    Raises UnsafeToStart, or DatabaseUnavailable.
    """
    pools = tuple(dict.fromkeys(databases))
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await _check(pools, metadata, name, require_patched=require_patched)
        except Exception as error:
            if not _is_away(error) or time.monotonic() > deadline:
                raise
            _log.warning("waiting_for_database", error=type(error.__cause__ or error).__name__)
            await asyncio.sleep(_PAUSE)


def _is_away(error: Exception) -> bool:
    """Whether the server may be there soon; a wrong password, say, stays wrong."""
    reason = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    found = api_error_from_database(reason) if reason else error
    return isinstance(found, DatabaseUnavailable)


async def _check(
    databases: Iterable[Database], metadata: MetaData, name: str, *, require_patched: bool
) -> ServerState:
    faults: list[str] = []
    state: ServerState | None = None
    for database in databases:
        lease = await database.lease()
        try:
            faults += await role_faults(lease.connection)
            if state is None:
                state = await server_state(lease.connection)
                faults += await catalogue_faults(lease.connection, metadata, name)
        finally:
            lease.release()
    if state is None:
        raise UnsafeToStart(["no database was given"])
    if not state.patched:
        _log.warning("postgres_minor_is_old", version=state.version, cve="CVE-2026-120154")
        if require_patched:
            faults.append(f"PostgreSQL {state.version} has CVE-2026-120154")
    if state.set_config:
        _log.warning("set_config_is_open", meaning="an injected SELECT could change the tenant")
    if faults:
        raise UnsafeToStart(faults)
    return state
