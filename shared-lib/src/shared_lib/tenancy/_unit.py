"""One request's unit of work: its admitted transactions and the event that tells of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import asyncpg
import structlog
from starlette.requests import Request

from shared_lib.audit import PLATFORM, AuditEvent, EventWriter, Outcome
from shared_lib.caller import Caller
from shared_lib.errors import AuditUnavailable, DatabaseUnavailable, OutcomeUnknown
from shared_lib.idempotency import AnswerStore
from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._batch import Opening, Settings, opening, opening_batch
from shared_lib.tenancy._database import Database
from shared_lib.tenancy._opening import give_up, open_transaction
from shared_lib.tenancy._operation import Operation
from shared_lib.tenancy._repeat import Repeat
from shared_lib.tenancy._transaction import TRANSACTION_TYPES, Tx
from shared_lib.tokens import TokenData

Admission = Callable[[Operation, TokenData | None], str]
_LONGEST_ID = 200
_REMEMBERED = 4096  # callers of an operation
_REACHES_A_LOG = frozenset({Scope.ORGANIZATION, Scope.PLATFORM})
AnyTx = TypeVar("AnyTx", bound=Tx)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """What a service builds once and every request uses.

    `databases`: the role that serves each scope. `admission` writes the CALL that ends the
    opening batch. `events` writes what is told of; None for an application without an audit trail.
    `platform_roles`: staff, whose calls are recorded. `answers` are kept for requests that come
    with an Idempotency-Key.
    """

    databases: Mapping[Scope, Database]
    admission: Admission
    events: EventWriter | None = None
    platform_roles: frozenset[str] = frozenset()
    answers: AnswerStore | None = None


@dataclass
class Unit(Generic[AnyTx]):
    """The unit of work of one request to one operation, whose scope decides the type of its Tx."""

    runtime: Runtime
    operation: Operation
    caller: Caller
    recorded: bool = field(default=False, init=False)
    repeat: Repeat | None = field(default=None, init=False)
    completed: bool = field(default=False, init=False)

    async def begin(self) -> AnyTx:
        """Open and admit a transaction. Raises the refusal, or DatabaseUnavailable."""
        scope = self.operation.scope
        kind = cast("type[AnyTx]", TRANSACTION_TYPES[scope])
        batch = self.opening_batch()
        return await open_transaction(
            self.runtime.databases[scope],
            batch,
            lambda lease: kind(lease, self.caller, batch, self.runtime.events),
        )

    async def commit(self, tx: Tx) -> None:
        """COMMIT. Until it returns, nothing has been acknowledged.

        Raises OutcomeUnknown when nobody can say whether it was done; an operation that reads may
        just be asked again.
        """
        try:
            await tx.conclude()
        except OutcomeUnknown as error:
            if self.operation.writes:
                raise
            raise DatabaseUnavailable from error
        self.recorded = self.recorded or tx.recorded

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AnyTx]:
        """An admitted transaction of its own, which commits when it is left."""
        tx = await self.begin()
        try:
            yield tx
            await self.commit(tx)
        except BaseException:
            await tx.abort()
            raise

    async def complete(self, tx: Tx, resource_id: object) -> None:
        """Have the change of `tx` stand for the request's Idempotency-Key, if it came with one.

        For operations with transactions of their own. Raises RequestInProgress: the request was
        taken for dead, and another one works under the key.
        """
        if self.repeat is not None:
            await self.repeat.complete(tx, str(resource_id))
            self.completed = True

    async def release(self) -> None:
        """Give up the key of a request that failed; a minute later it would be free by itself."""
        if self.repeat is None:
            return
        try:
            sql, arguments = self.repeat.release()
            await self._apart(
                self.operation.scope, lambda connection: connection.execute(sql, *arguments)
            )
        except Exception as error:  # noqa: BLE001  another error is on its way
            _log.warning("idempotency_key_not_released", error=type(error).__name__)

    async def record(self, tx: Tx, request: Request, outcome: Outcome, code: str | None) -> None:
        """Tell of a change by somebody who is recorded, in the change's own transaction.

        That of a person's own rows cannot: it reaches no log. Such a change is told of apart.
        """
        if self.operation.scope not in _REACHES_A_LOG or not self.operation.writes:
            return
        if self.is_recorded() and not tx.recorded:
            event = self._event(request, outcome, code)
            await tx.record(event, tenant_id=self._tenant(request))

    async def record_apart(self, request: Request, outcome: Outcome, code: str | None) -> None:
        """Tell of a read or refusal, which cannot be written by its own transaction.

        In a second short transaction, without admission, when the first has given its connection
        back. Raises AuditUnavailable: what cannot be recorded is not answered.
        """
        try:
            await self._insert(self._event(request, outcome, code), self._tenant(request))
        except Exception as error:
            raise AuditUnavailable from error

    def is_recorded(self) -> bool:
        """Whether a call like this one is told of even when it changes nothing."""
        token = self.caller.token
        if self.runtime.events is None or token is None or self.operation.scope is Scope.PUBLIC:
            return False
        staff = token.role in self.runtime.platform_roles
        return staff or token.act is not None or self.operation.audited

    def opening_batch(self) -> str:
        """What opens each transaction of the request: settings and admission."""
        known = opening_of(self.runtime.admission, self.operation, self.caller.token)
        return known.batch(self.caller.request_id)

    def _event(self, request: Request, outcome: Outcome, code: str | None) -> AuditEvent:
        tenant = self.operation.tenant_parameter
        ids = (str(value) for name, value in request.path_params.items() if name != tenant)
        # As sent, and refused perhaps for what it is: a column takes no NUL and no novel.
        resource_id = ", ".join(ids).replace("\0", "")[:_LONGEST_ID] or None
        return AuditEvent(self.operation.action, resource_id, outcome=outcome, code=code)

    def _tenant(self, request: Request) -> UUID:
        """Whose log tells of the call: the caller's organization, else the one that is asked of."""
        token = self.caller.token
        if token and token.tenant_id:
            return token.tenant_id
        name = self.operation.tenant_parameter
        if name is None:
            return PLATFORM
        return _uuid(request.path_params.get(name) or request.query_params.get(name)) or PLATFORM

    async def _insert(self, event: AuditEvent, tenant_id: UUID) -> None:
        token = self.caller.token
        scope = Scope.ORGANIZATION if token and token.tenant_id else Scope.PLATFORM
        events = self.runtime.events
        if events is None:
            raise LookupError("this service keeps no audit trail")
        await self._apart(
            scope, lambda connection: events.write(connection, event, self.caller, tenant_id)
        )

    async def _apart(
        self, scope: Scope, work: Callable[[asyncpg.Connection], Awaitable[Any]]
    ) -> None:
        """Do `work` in a short transaction of `scope`, without admission."""
        lease = await self.runtime.databases[scope].lease()
        try:
            connection = lease.connection
            settings = settings_of(self.caller.token, scope)
            settings = replace(settings, request_id=self.caller.request_id)
            await connection.execute(opening_batch(settings, reads_only=False))
            await work(connection)
            await connection.execute("COMMIT")
        except BaseException:
            lease.discard()
            raise
        finally:
            await give_up(lease)


@lru_cache(_REMEMBERED)
def opening_of(admission: Admission, operation: Operation, token: TokenData | None) -> Opening:
    """What opens the transactions of `operation` for whoever has `token`.

    Made of nothing else, and who calls once calls again: to write it costs more than to find it.
    """
    return opening(
        settings_of(token, operation.scope),
        reads_only=not operation.writes,
        admission=admission(operation, token),
    )


def settings_of(token: TokenData | None, scope: Scope) -> Settings:
    """What the transaction of a caller is told. Only an organization's has a tenant."""
    if token is None:
        return Settings()
    return Settings(
        tenant=token.tenant_id if scope is Scope.ORGANIZATION else None,
        person=token.sub if token.sid else None,
        actor=token.actor_id,
        support_session=token.support.id if token.support else None,
    )


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None
