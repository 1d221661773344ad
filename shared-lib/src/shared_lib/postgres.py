"""What is ours about PostgreSQL connections: their class, their URLs, when one is lost."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg


class TenantConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """An asyncpg connection that never calls `set_config`.

    asyncpg switches JIT off around its type introspection with `set_config`, which requests may
    not execute; a server without JIT needs no such call.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capabilities = self._server_caps  # type: ignore[has-type]  # asyncpg has no types
        self._server_caps = capabilities._replace(jit=False)


def is_fit(connection: asyncpg.Connection) -> bool:
    """Whether `connection` is open, carries no transaction and does nothing. No round trip.

    A refused opening batch leaves the server inside an aborted transaction that SQLAlchemy's
    adapter knows nothing of: leased again, it would fail for every tenant.
    """
    return bool(
        not connection.is_closed() and is_idle(connection) and connection._top_xact is None  # noqa: SLF001 - asyncpg has no public word for it
    )


def is_idle(connection: asyncpg.Connection) -> bool:
    """Whether no transaction is open and no statement that was given up is still being cancelled.

    Whoever used the connection next would wait for that, longer than for his own statement.
    """
    # asyncpg has no public word for it.
    return not (connection.is_in_transaction() or connection._protocol._is_cancelling())  # noqa: SLF001


def is_lost(error: BaseException) -> bool:
    """Whether `error` says that the connection, not the statement, has failed.

    A connection that the server closed while it was idle can be found in any state, so asyncpg's
    InternalClientError counts.
    """
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(("08", "57P"))
    return isinstance(error, ConnectionError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def driver_url(url: str) -> str:
    """A URL of SQLAlchemy's asyncpg dialect as `asyncpg.connect` reads it."""
    parts = urlsplit(url)
    query = {"sslmode" if name == "ssl" else name: value for name, value in parse_qsl(parts.query)}
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query), ""))
