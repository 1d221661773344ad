"""The administrator of PostgreSQL at work: several statements on one connection, locks held."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from infra.postgres.urls import driver_url
from tests.system import System


@contextmanager
def held(system: System, database: str, lock: str) -> Iterator[None]:
    """A transaction of the administrator that holds `lock`."""
    with administrator(system, database) as execute:
        execute("BEGIN")
        execute(lock)
        yield
        execute("ROLLBACK")


@contextmanager
def administrator(system: System, database: str) -> Iterator[Callable[[str], None]]:
    """One connection of the administrator's, for several statements."""
    with asyncio.Runner() as runner:
        url = driver_url(*system.administrator_of(database))
        connection: asyncpg.Connection = runner.run(asyncpg.connect(url))
        try:
            yield lambda statement: runner.run(connection.execute(statement))
        finally:
            runner.run(connection.close())
