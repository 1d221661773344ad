"""The transaction that a handler works in, typed by the rows that it can see."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, NoReturn, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy.orm import Session

from shared_lib.audit import AuditEvent, EventWriter
from shared_lib.caller import Caller
from shared_lib.errors import DatabaseUnavailable, OutcomeUnknown
from shared_lib.postgres import is_lost
from shared_lib.tables import Statement
from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._database import Lease
from shared_lib.tenancy._session import CommitNotAllowed, RequestSession

Row = TypeVar("Row")
Result = TypeVar("Result")


class CommitFailed(Exception):
    """COMMIT was not what ended the transaction: an error in it had been swallowed."""


class Tx:
    """An admitted transaction. It is committed after the handler and before the response."""

    scope: ClassVar[Scope]

    def __init__(
        self,
        lease: Lease,
        caller: Caller,
        opening: str,
        events: EventWriter | None,
    ) -> None:
        self.caller = caller
        self.recorded = False
        self._lease: Lease | None = lease
        self._opening = opening
        self._events = events
        self._session: RequestSession | None = None
        self._bound: dict[str, Any] = {}

    async def rows(self, statement: Statement[Row], **parameters: Any) -> list[Row]:
        """Every row of `statement`."""
        arguments = self._arguments(statement, parameters)
        records = await _reached(self._connection.fetch(statement.sql, *arguments))
        return statement.rows(records)

    async def one(self, statement: Statement[Row], **parameters: Any) -> Row | None:
        """The first row of `statement`, or None."""
        arguments = self._arguments(statement, parameters)
        record = await _reached(self._connection.fetchrow(statement.sql, *arguments))
        return None if record is None else statement.row(record)

    async def execute(self, statement: Statement[Any], **parameters: Any) -> int:
        """Run `statement`; the number of rows that it touched."""
        arguments = self._arguments(statement, parameters)
        status: str = await _reached(self._connection.execute(statement.sql, *arguments))
        return int(status.rpartition(" ")[2])

    async def record(self, event: AuditEvent, *, tenant_id: UUID) -> None:
        """Write `event` in this transaction: it stands if, and only if, the change stands."""
        if self._events is None:
            raise LookupError("this service keeps no audit trail")
        await _reached(self._events.write(self._connection, event, self.caller, tenant_id))
        self.recorded = True

    def session(self) -> RequestSession:
        """The same transaction as an AsyncSession; one per transaction."""
        if self._session is None:
            self._session = RequestSession(self._open_lease.sqlalchemy_connection(), self._undo)
        return self._session

    async def orm(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` with a sync ORM session over this transaction, in one greenlet.

        For a unit of work; single statements are faster by `rows`, `one` and `execute`.
        """
        return await self.session().run_sync(work)

    @property
    def connection(self) -> asyncpg.Connection:
        """The connection, for shared code that speaks asyncpg and ends no transaction."""
        return self._connection

    async def commit(self) -> NoReturn:
        """Nobody commits by hand. Raises CommitNotAllowed."""
        raise CommitNotAllowed

    async def conclude(self) -> None:
        """COMMIT, for the unit of work alone. Raises CommitFailed, OutcomeUnknown, or what COMMIT
        raises: then the transaction was rolled back.

        PostgreSQL answers ROLLBACK to the COMMIT of an aborted transaction, without an error.
        """
        if self._session is not None:
            await self._session.flush()
        if self._connection.is_closed():
            raise DatabaseUnavailable  # nobody was asked to commit
        if not self._connection.is_in_transaction():
            raise CommitFailed
        if await _answered(self._connection.execute("COMMIT")) != "COMMIT":
            raise CommitFailed
        await self._end()

    async def abort(self) -> None:
        """Roll back, unless it has ended, and give the connection back (for the unit of work)."""
        if self._lease is None:
            return
        try:
            await self._lease.roll_back()
        finally:
            await self._end()

    async def _end(self) -> None:
        lease = self._open_lease
        self._lease = None
        try:
            if self._session is not None:
                await self._session.close()
        finally:
            lease.release()

    async def _undo(self) -> None:
        """Undo everything so far and admit anew; when the transaction has ended, nothing."""
        if self._lease is not None:
            await self._lease.roll_back()
            self.recorded = False
            await self._connection.execute(self._opening)

    @property
    def _open_lease(self) -> Lease:
        if self._lease is None:
            raise RuntimeError("the transaction has ended")
        return self._lease

    @property
    def _connection(self) -> asyncpg.Connection:
        return self._open_lease.connection

    def _arguments(self, statement: Statement[Any], parameters: dict[str, Any]) -> list[Any]:
        return statement.arguments({**parameters, **self._bound})


async def _reached(call: Awaitable[Any]) -> Any:
    """The result of `call`. A server that does not answer is DatabaseUnavailable, not a fault."""
    try:
        return await call
    except OSError as error:
        raise DatabaseUnavailable from error


async def _answered(commit: Awaitable[Any]) -> Any:
    """What PostgreSQL answers to COMMIT. OutcomeUnknown when it does not, or while it goes down."""
    try:
        return await commit
    except asyncpg.InterfaceError:
        raise  # it was never sent
    except Exception as error:
        if is_lost(error) or isinstance(error, OSError):
            raise OutcomeUnknown from error
        raise


class PublicTx(Tx):
    """Nobody is known: the rows that anyone may see."""

    scope = Scope.PUBLIC


class UserTx(Tx):
    """One person's own rows. Binds `person_id`."""

    scope = Scope.USER

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._bound = {"person_id": self.caller.token.sub if self.caller.token else None}


class TenantTx(Tx):
    """The rows of one organization. Binds `tenant_id`, for every statement carries it."""

    scope = Scope.ORGANIZATION

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if self.caller.tenant_id is None:
            raise LookupError("a tenant's transaction needs a caller with a tenant")
        self.tenant_id: UUID = self.caller.tenant_id
        self._bound = {"tenant_id": self.tenant_id}


class PlatformTx(Tx):
    """Organizations, support sessions and the audit trail of all; no business data."""

    scope = Scope.PLATFORM


class ServiceTx(Tx):
    """What the other service tells us."""

    scope = Scope.SERVICE


TRANSACTION_TYPES: dict[Scope, type[Tx]] = {
    kind.scope: kind for kind in (PublicTx, UserTx, TenantTx, PlatformTx, ServiceTx)
}
