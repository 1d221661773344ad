"""What stops a service from starting: roles or tables that are not as declared."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog
from sqlalchemy import MetaData

from shared_lib.errors import DatabaseUnavailable, KeysUnavailable, api_error_from_database
from shared_lib.tables import ServerState, catalogue_faults, role_faults, server_state
from shared_lib.tenancy._database import Database
from shared_lib.tenancy._gates import UnsafeToStart

_PATIENCE = 30.0  # seconds that a service or worker waits for PostgreSQL when it starts
_PAUSE = 0.5
Result = TypeVar("Result")
_log = structlog.get_logger(__name__)


async def check_database(
    databases: Iterable[Database],
    metadata: MetaData,
    name: str,
    *,
    require_patched: bool,
    patience: float = _PATIENCE,
) -> ServerState:
    """Refuse roles that row level security does not bind and tables that are not as declared.

    `name` prefixes the roles; the first of `databases` is that of most requests. Warns about what
    the server itself leaves open: a minor version with a known leak (refused when
    `require_patched`), `set_config` open to requests. A server that is away is waited for.
    Raises UnsafeToStart, or DatabaseUnavailable.
    """
    pools = tuple(dict.fromkeys(databases))
    return await wait_for_database(
        lambda: _check(pools, metadata, name, require_patched=require_patched), patience=patience
    )


async def wait_for_database(
    work: Callable[[], Awaitable[Result]], *, patience: float = _PATIENCE
) -> Result:
    """What `work` returns: something that a service or worker does when it starts.

    While the server is away, as after a crash of the machine, it is done again, for `patience`
    seconds. Raises what it raises last, and everything else at once.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return await work()
        except Exception as error:
            if not _is_away(error) or time.monotonic() > deadline:
                raise
            _log.warning("waiting_for_database", error=type(error.__cause__ or error).__name__)
            await asyncio.sleep(_PAUSE)


def _is_away(error: BaseException) -> bool:
    """Whether the server may be there soon; a wrong password, say, stays wrong."""
    if isinstance(error, DatabaseUnavailable | KeysUnavailable) and error.__cause__ is not None:
        return _is_away(error.__cause__)
    found = error if isinstance(error, DatabaseUnavailable) else api_error_from_database(error)
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
