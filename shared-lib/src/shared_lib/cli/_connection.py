"""Work on a database: one connection, and errors said in a line."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import asyncpg
import typer

from shared_lib.keys import KeysUndecryptable

__all__ = ["connected", "instant"]

R = TypeVar("R")


def connected(work: Callable[..., Awaitable[R]], *dsns: str) -> R:
    """What `work` returns, called with a connection to each of `dsns`.

    Exits with status 1, and the reason, when it or connecting fails.
    """

    async def working() -> R:
        async with AsyncExitStack() as closing:
            connections = []
            for dsn in dsns:
                connections.append(await asyncpg.connect(dsn, timeout=10))
                closing.push_async_callback(connections[-1].close)
            return await work(*connections)

    try:
        return asyncio.run(working())
    except (OSError, TimeoutError, ValueError, KeysUndecryptable, asyncpg.PostgresError) as error:
        hint = " (does PostgreSQL run?)" if isinstance(error, OSError) else ""
        typer.echo(f"{type(error).__name__}: {error}{hint}", err=True)
        raise typer.Exit(1) from error


def instant(value: Any) -> str | None:
    """RFC 3339 in UTC, whole seconds are enough for people and programs here."""
    return None if value is None else str(value.strftime("%Y-%m-%dT%H:%M:%SZ"))
