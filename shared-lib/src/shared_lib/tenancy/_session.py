"""The AsyncSession over a request's transaction."""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only
from typing_extensions import override


class CommitNotAllowed(RuntimeError):
    """`commit()` was called in a request: the response decides, not the handler."""

    def __init__(self) -> None:
        super().__init__(
            "the request commits by itself, once, before its response: do not call commit()"
        )


class _UncommittedSession(Session):
    @override
    def commit(self) -> NoReturn:
        raise CommitNotAllowed


class RequestSession(AsyncSession):
    """An AsyncSession whose transaction is the request's.

    Savepoints work (`begin_nested`). `commit()` raises CommitNotAllowed; leaving `begin()` commits
    nothing. Whatever rolls back, `rollback()`, a failed flush, an exception in `begin()`, undoes
    everything so far and admits the request anew, so that the session stays usable. Closed, it is
    not: what comes after the handler is not part of the request's transaction.
    """

    sync_session_class = _UncommittedSession

    def __init__(self, bind: AsyncConnection, undo: Callable[[], Awaitable[None]]) -> None:
        super().__init__(bind=bind, expire_on_commit=False, close_resets_only=False)
        self._undo = undo

        # SQLAlchemy's own rollback does nothing on this connection: see Lease.
        def undone(_connection: Any) -> None:
            await_only(undo())

        event.listen(bind.sync_connection, "rollback", undone)

    @override
    async def commit(self) -> NoReturn:
        raise CommitNotAllowed

    @override
    async def rollback(self) -> None:
        await super().rollback()
        # Also what was done without the session, which then has nothing to roll back.
        await self._undo()
