"""Which coded error a failure of the database is: by SQLSTATE, in this table only."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared_lib.errors._api_error import ApiError
from shared_lib.errors._standard import (
    DatabaseUnavailable,
    ReadOnly,
    TenantBlocked,
    TokenRevoked,
)

# A key is an SQLSTATE or its beginning; no key begins another.
_BY_SQLSTATE: dict[str, type[ApiError]] = {
    "PT401": TokenRevoked,  # PT...: raised by our admission procedure
    "PT403": TenantBlocked,
    "PT423": ReadOnly,
    "25006": ReadOnly,  # read_only_sql_transaction
    "08": DatabaseUnavailable,  # connection exceptions
    "25P03": DatabaseUnavailable,  # idle_in_transaction_session_timeout
    "25P04": DatabaseUnavailable,  # transaction_timeout
    "40001": DatabaseUnavailable,  # serialization_failure: the same request may work next time
    "40P01": DatabaseUnavailable,  # deadlock_detected
    "53": DatabaseUnavailable,  # insufficient resources
    "55P03": DatabaseUnavailable,  # lock_not_available (lock_timeout)
    "57014": DatabaseUnavailable,  # query_canceled (statement_timeout)
    "57P": DatabaseUnavailable,  # shutdown, crash, still starting
}
_LENGTHS = {len(state) for state in _BY_SQLSTATE}

# A migration changed what a statement returns that a connection had prepared before. The driver
# has forgotten it by now, but in a transaction nothing can be asked again.
_PREPARED_BEFORE = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)

_AWAY = (
    OSError,
    PoolTimeoutError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.InternalClientError,  # a connection that was just cut
)

# asyncpg has one class for "the connection is gone" and for every misuse of its interface.
_GONE = "connection is closed"


def sqlstate_of(exc: BaseException) -> str | None:
    """The SQLSTATE of an asyncpg or SQLAlchemy error; None where the server gave none."""
    source = exc.orig if isinstance(exc, DBAPIError) else exc
    state = getattr(source, "sqlstate", None)
    return state if isinstance(state, str) else None


def api_error_from_database(exc: BaseException) -> ApiError | None:
    """The coded error that a failure of the database means to the caller; None for one that is a
    fault of ours (a constraint that the service did not foresee, wrong SQL).

    Takes what asyncpg, SQLAlchemy and the operating system raise while connecting or working.
    Every OSError (TimeoutError among them) counts as "unavailable": call it on errors that come
    from a call to the database, not on any error of a handler.
    """
    source = exc.orig.__cause__ if isinstance(exc, DBAPIError) and exc.orig else exc
    if isinstance(source, _PREPARED_BEFORE):
        return DatabaseUnavailable()
    state = sqlstate_of(exc)
    if state is not None:
        return _by_sqlstate(state)
    if isinstance(exc, DBAPIError):
        return DatabaseUnavailable() if _is_gone(exc) else None
    if isinstance(exc, _AWAY) or (isinstance(exc, asyncpg.InterfaceError) and _GONE in str(exc)):
        return DatabaseUnavailable()
    return None


def _by_sqlstate(state: str) -> ApiError | None:
    for length in _LENGTHS:
        error = _BY_SQLSTATE.get(state[:length])
        if error is not None:
            return error()
    return None


def _is_gone(exc: DBAPIError) -> bool:
    return exc.connection_invalidated or _GONE in str(exc.orig)
