"""The AsyncSession over a request's transaction."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from typing_extensions import override


class _UncommittedSession(Session):
    @override
    def commit(self) -> NoReturn:
        raise CommitNotAllowed


class CommitNotAllowed(RuntimeError):
    """`commit()` was called on a request's session: the response decides, not the handler."""

    def __init__(self) -> None:
        super().__init__(
            "the request commits by itself, once, before its response: do not call commit()"
        )


class RequestSession(AsyncSession):
    """An AsyncSession whose transaction is the request's.

    Savepoints work (`begin_nested`). `commit()` raises CommitNotAllowed. `rollback()` undoes
    everything so far and admits the request anew, so that the session stays usable.
    """

    sync_session_class = _UncommittedSession

    def __init__(self, bind: AsyncConnection, restart: Callable[[], Awaitable[None]]) -> None:
        super().__init__(bind=bind, expire_on_commit=False)
        self._restart = restart

    @override
    async def commit(self) -> NoReturn:
        raise CommitNotAllowed

    @override
    async def rollback(self) -> None:
        await super().rollback()
        await self._restart()
