"""Tries the mutations of one database; a process of its own, in the directory of the service."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import asyncpg
from sqlalchemy import MetaData

from mutation._catalogue import DatabaseMutation, catalogue_mutations
from mutation._suites import DATABASES
from mutation._task import Task
from mutation._verdict import Verdict, write_verdict
from shared_lib.prove import behaviour_of, declared_in, faults_of, read_catalogue
from shared_lib.tables import catalogue_faults
from shared_lib.testing.postgres import Cluster, start_cluster

_TIMES = 20  # as many in a sample
_OF_THE_SERVER = "version"  # no fault of ours


Look = Callable[[], Awaitable[set[str]]]


class _Checks:
    """What looks at a database inside the transaction that changed it."""

    def __init__(self, connection: asyncpg.Connection, metadata: MetaData, database: str) -> None:
        self._connection = connection
        self._metadata = metadata
        self._database = database

    def of(self, mutation: DatabaseMutation) -> list[Look]:
        """The ways of looking, the cheapest first."""
        looks: list[Look] = [self.start, self.rules]
        if mutation.table in declared_in(self._database):
            looks.append(partial(self._behaviour, mutation.table))
        return looks

    async def start(self) -> set[str]:
        """What keeps a service from starting."""
        faults = await catalogue_faults(self._connection, self._metadata, self._database)
        return {f"start: {fault}" for fault in faults}

    async def rules(self) -> set[str]:
        """What the rules of the catalogue find."""
        found = faults_of(await read_catalogue(self._connection, self._database))
        found.pop(_OF_THE_SERVER, None)
        return {f"rule {name}: {fault}" for name, faults in found.items() for fault in faults}

    async def _behaviour(self, table: str) -> set[str]:
        """What the roles can do with a table that they should not, or cannot that they should."""
        found = await behaviour_of(self._connection, self._database, table)
        return {f"behaviour: {fault}" for fault in found}


async def _noticed(
    connection: asyncpg.Connection, checks: _Checks, mutation: DatabaseMutation
) -> tuple[str, ...]:
    """The first fault that each way of looking finds; of the many grants, only the first way."""
    name = await connection.fetchval("SELECT quote_ident(current_database())")
    looks = checks.of(mutation)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(mutation.before or "SELECT")
        already = [await look() if mutation.before else set() for look in looks]
        await connection.execute(mutation.sql.replace("{database}", name))
        found: list[str] = []
        for look, before in zip(looks, already, strict=True):
            found += sorted(await look() - before)[:1]
            if found and mutation.kind == "grant":
                break
        return tuple(found)
    finally:
        await transaction.rollback()


async def _try_all(task: Task, cluster: Cluster, database: str, metadata: MetaData) -> None:
    async with cluster.clone() as clone:
        connection = await asyncpg.connect(cluster.admin_url(clone))
        try:
            checks = _Checks(connection, metadata, database)
            await _baseline(connection, checks, database)
            mutations = await catalogue_mutations(connection, database)
            await _try(task, connection, checks, database, mutations)
        finally:
            await connection.close()


async def _baseline(connection: asyncpg.Connection, checks: _Checks, database: str) -> None:
    """Look everywhere before anything is changed. Raises SystemExit where there is a fault."""
    nothing = [DatabaseMutation("", table, "") for table in declared_in(database)]
    async with connection.transaction():
        for look in [look for each in nothing for look in checks.of(each)]:
            if faults := await look():
                raise SystemExit(f"without any mutation there are faults: {sorted(faults)}")


async def _try(
    task: Task,
    connection: asyncpg.Connection,
    checks: _Checks,
    database: str,
    mutations: Sequence[DatabaseMutation],
) -> None:
    wanted = [each for each in mutations if not task.kinds or each.kind in task.kinds]
    for mutation in task.chosen(wanted, times=_TIMES):
        by: tuple[str, ...] = ()
        error = ""
        if not task.only_list:
            try:
                by = await _noticed(connection, checks, mutation)
            except asyncpg.PostgresError as fault:
                error = f"{type(fault).__name__}: {fault}"
        where = f"{database} {mutation.table or 'database'}"
        write_verdict(task.file, Verdict(mutation.kind, where, mutation.what, by, error))


def main() -> None:
    """Do the task that the environment names."""
    task = Task.from_environment()
    suite = DATABASES[task.suite]
    metadata: MetaData = import_module("app.modules.models").metadata
    with start_cluster(Path.cwd(), suite.database) as cluster:
        asyncio.run(_try_all(task, cluster, suite.database, metadata))


if __name__ == "__main__":
    main()
