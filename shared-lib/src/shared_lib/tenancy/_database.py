"""The pooled connections of one PostgreSQL role."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog
from sqlalchemy import PoolProxiedConnection, event
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared_lib.errors import DatabaseUnavailable
from shared_lib.postgres import TenantConnection, is_fit, is_idle

_ROLLBACK_TIMEOUT = 5.0
_log = structlog.get_logger(__name__)


class Lease:
    """One connection, for one transaction at a time, until it is released."""

    __slots__ = ("_database", "_fairy", "_is_shared", "connection")

    def __init__(self, database: "Database", fairy: PoolProxiedConnection) -> None:
        self._database = database
        self._fairy = fairy
        self._is_shared = False
        self.connection: asyncpg.Connection = fairy.driver_connection

    async def roll_back(self) -> None:
        """End whatever is under way or open; a connection that cannot is thrown away.

        Swallows what goes wrong: it runs while another error, or a cancellation, is on its way.
        """
        if self.connection.is_closed() or is_idle(self.connection):
            return
        try:
            # The driver's own limit begins when the statement before has been cancelled.
            async with asyncio.timeout(_ROLLBACK_TIMEOUT):
                await self.connection.execute("ROLLBACK")
        except BaseException as error:
            self.connection.terminate()
            if not isinstance(error, Exception):
                raise

    def discard(self) -> None:
        """Close the connection at once; releasing the lease then throws it away. No I/O."""
        self.connection.terminate()

    def release(self) -> None:
        """Give the connection back, or throw it away if it is not fit. No I/O."""
        try:
            if is_fit(self.connection) and self._fairy.is_valid:
                adapter: Any = self._fairy.dbapi_connection
                adapter.autocommit = False
                self._database.keep(self._fairy, shared=self._is_shared)
            else:
                _throw_away(self._fairy)
        finally:
            self._database.turn_over()

    def sqlalchemy_connection(self) -> AsyncConnection:
        """The same connection for SQLAlchemy, which must neither begin nor end its transaction.

        To its adapter an autocommit connection has no transaction to begin, commit or roll back.
        """
        self._is_shared = True
        adapter: Any = self._fairy.dbapi_connection
        adapter.autocommit = True
        engine = self._database.engine
        # Invalidated, it must not take a connection that nobody has admitted.
        connection = Connection(engine.sync_engine, connection=self._fairy, _allow_revalidate=False)
        return AsyncConnection(engine, connection)


class Database:
    """A pool of connections of one role, leased in the order of asking.

    `pool_size` connections at most; who waits longer than `pool_timeout` seconds gets
    DatabaseUnavailable. The semaphore in front of the pool keeps waiters out of the pool's own
    queue, which is slower and not first come, first served. Connections that are idle stay checked
    out of SQLAlchemy's pool, which makes and closes them: a checkout is a greenlet, and costs more
    than a statement. So the pool has none to give to anybody else: lease, and leave `engine` alone.
    The one used last is used next. Only those that SQLAlchemy had are checked in again.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        pool_timeout: float,
        application_name: str,
        command_timeout: float = 10.0,
        **server_settings: str,
    ) -> None:
        """`server_settings` are sent when a connection is made, beside the application's name.

        `command_timeout` (seconds) is longer than the server's own limit: it is for a server that
        does not answer at all.
        """
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args={
                "connection_class": TenantConnection,
                # Statements would be prepared anew every 300 s otherwise.
                "max_cached_statement_lifetime": 0,
                "command_timeout": command_timeout,
                "timeout": 5,
                "server_settings": {"application_name": application_name, **server_settings},
            },
        )
        self.size = pool_size
        self._timeout = pool_timeout
        self._turns = asyncio.Semaphore(pool_size)
        self._idle: list[PoolProxiedConnection] = []
        self._closed = False
        # Who drops a Database without closing it has not leaked its connections.
        weakref.finalize(self, _give_back, self._idle).atexit = False
        event.listen(self.engine.sync_engine, "checkout", _refuse_unfit)
        event.listen(self.engine.sync_engine, "handle_error", _not_reached)

    async def lease(self) -> Lease:
        """A connection, without a transaction. Raises DatabaseUnavailable."""
        if self._turns.locked():
            try:
                async with asyncio.timeout(self._timeout):
                    await self._turns.acquire()
            except TimeoutError as error:
                raise DatabaseUnavailable from error
        else:
            await self._turns.acquire()
        try:
            while self._idle:
                kept = self._idle.pop()
                if is_fit(kept.driver_connection):
                    return Lease(self, kept)
                _throw_away(kept)
            return Lease(self, await self.engine.raw_connection())
        except BaseException as error:
            self._turns.release()
            if isinstance(error, Exception):
                _log.warning("database_not_reached", error=type(error).__name__)
                raise DatabaseUnavailable from error
            raise

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection without a transaction, for work that is nobody's request."""
        lease = await self.lease()
        try:
            yield lease.connection
        finally:
            try:
                await lease.roll_back()
            finally:
                lease.release()

    async def check(self) -> None:
        """Raise unless a connection can be had and answers: a readiness check."""
        lease = await self.lease()
        try:
            await lease.connection.execute("SELECT 1")
        except BaseException:
            lease.discard()  # whoever asks does not wait for a rollback too
            raise
        finally:
            lease.release()

    def keep(self, connection: PoolProxiedConnection, *, shared: bool) -> None:
        """Called by a lease that ended and leaves its connection fit for the next.

        One that was `shared` with SQLAlchemy is checked in: whoever kept it there holds a dead one.
        """
        if self._closed:
            _throw_away(connection)
        elif shared:
            connection.close()
        else:
            self._idle.append(connection)

    def turn_over(self) -> None:
        """Called by a lease that ended."""
        self._turns.release()

    async def aclose(self) -> None:
        """Close every idle connection. Leases end by themselves."""
        self._closed = True
        with suppress(Exception):
            _give_back(self._idle)
            await self.engine.dispose()


def _give_back(idle: list[PoolProxiedConnection]) -> None:
    """Check every connection in again."""
    while idle:
        idle.pop().close()


def _throw_away(connection: PoolProxiedConnection) -> None:
    """Close a connection for good, without I/O."""
    if connection.is_valid:
        connection.invalidate()
    connection.close()


def _refuse_unfit(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    """Make the pool replace a connection that died or was left in a transaction."""
    if not is_fit(dbapi_connection.driver_connection):
        raise DisconnectionError


def _not_reached(context: ExceptionContext) -> DatabaseUnavailable | None:
    """What a session raises for a server that does not answer, which SQLAlchemy passes as it is."""
    is_away = isinstance(context.original_exception, OSError)
    return DatabaseUnavailable() if is_away else None
