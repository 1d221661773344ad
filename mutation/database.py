"""Tries the mutations of one database; a process of its own, in the directory of the service."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import asyncpg
from sqlalchemy import MetaData

from mutation._catalogue import DatabaseMutation, catalogue_mutations
from mutation._suites import DATABASES
from mutation._task import Task
from mutation._verdict import Verdict, write_verdict
from shared_lib.prove import faults_of, read_catalogue
from shared_lib.tables import catalogue_faults
from shared_lib.testing.postgres import Cluster, start_cluster

_OF_THE_SERVER = "version"  # no fault of ours


class _Checks:
    """What looks at a database inside the transaction that changed it."""

    def __init__(self, connection: asyncpg.Connection, metadata: MetaData, database: str) -> None:
        self._connection = connection
        self._metadata = metadata
        self._database = database

    async def rules(self) -> set[str]:
        """What the rules of the catalogue find, and what keeps a service from starting."""
        catalogue = await read_catalogue(self._connection, self._database)
        found = faults_of(catalogue)
        found.pop(_OF_THE_SERVER, None)
        faults = {f"rule {name}: {each}" for name, found_by in found.items() for each in found_by}
        declared = await catalogue_faults(self._connection, self._metadata, self._database)
        return faults | {f"start: {fault}" for fault in declared}


async def _noticed(
    connection: asyncpg.Connection, checks: _Checks, mutation: DatabaseMutation
) -> tuple[str, ...]:
    name = await connection.fetchval("SELECT quote_ident(current_database())")
    transaction = connection.transaction()
    await transaction.start()
    try:
        already: set[str] = set()
        if mutation.before:
            await connection.execute(mutation.before)
            already = await checks.rules()
        await connection.execute(mutation.sql.replace("{database}", name))
        return tuple(sorted(await checks.rules() - already))
    finally:
        await transaction.rollback()


async def _try_all(task: Task, cluster: Cluster, database: str, metadata: MetaData) -> None:
    async with cluster.clone() as clone:
        connection = await asyncpg.connect(cluster.admin_url(clone))
        try:
            checks = _Checks(connection, metadata, database)
            faults = await checks.rules()
            if faults:
                raise SystemExit(f"without any mutation there are faults: {sorted(faults)}")
            await _try(task, connection, checks, await catalogue_mutations(connection, database))
        finally:
            await connection.close()


async def _try(
    task: Task,
    connection: asyncpg.Connection,
    checks: _Checks,
    mutations: Sequence[DatabaseMutation],
) -> None:
    wanted = [each for each in mutations if not task.kinds or each.kind in task.kinds]
    for mutation in task.chosen(wanted):
        by: tuple[str, ...] = ()
        error = ""
        if not task.only_list:
            try:
                by = await _noticed(connection, checks, mutation)
            except asyncpg.PostgresError as fault:
                error = f"{type(fault).__name__}: {fault}"
        where = mutation.table or "database"
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
