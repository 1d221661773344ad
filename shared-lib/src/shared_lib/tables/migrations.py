"""What the `migrations/env.py` of a service does: migrate as the owner, and write new revisions.

Migrations connect as the administrator and work under `SET ROLE <database>_owner`: the owner can
neither log in nor become the definer, whose functions a migration must create.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import Any

from alembic import context
from alembic.operations.ops import CreateTableOp, ExecuteSQLOp, MigrationScript
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared_lib.postgres import TenantConnection
from shared_lib.tables._generator import security_statements

_MIGRATING = 0x6D6967726174  # the advisory lock of a run
_TIMEOUTS = ("SET lock_timeout = '5s'", "SET statement_timeout = '60s'")


def run_migrations(metadata: MetaData, database: str) -> None:
    """Run what Alembic was asked for against MIGRATION_DATABASE_URL, as MIGRATION_ROLE.

    A revision made with `--autogenerate` gets the policies and grants of each new table written
    out; with `--sql` the statements are written to standard output and no database is needed.
    Raises KeyError when a variable is missing.
    """
    if context.is_offline_mode():
        _write_sql()
    else:
        asyncio.run(_run(metadata, database))


def _write_sql() -> None:
    context.configure(
        url="postgresql+asyncpg://", literal_binds=True, transaction_per_migration=True
    )
    for statement in _preparation():
        context.execute(statement)
    with context.begin_transaction():
        context.run_migrations()


def _preparation() -> tuple[str, ...]:
    return (f'SET ROLE "{os.environ["MIGRATION_ROLE"]}"', *_TIMEOUTS)


async def _run(metadata: MetaData, database: str) -> None:
    engine = create_async_engine(
        os.environ["MIGRATION_DATABASE_URL"],
        poolclass=pool.NullPool,
        connect_args={"connection_class": TenantConnection},
    )
    async with engine.connect() as connection:
        for statement in _preparation():
            await connection.execute(text(statement))
        # One at a time: of two replicas that start together the second finds nothing to do.
        await connection.execute(text(f"SELECT pg_advisory_lock({_MIGRATING})"))
        await connection.commit()
        await connection.run_sync(_migrate, metadata, database)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData, database: str) -> None:
    def secure(_context: Any, _revision: Any, directives: list[MigrationScript]) -> None:
        for script in directives:
            for operations in script.upgrade_ops_list:
                operations.ops.extend(_security(operations.ops, metadata, database))

    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        process_revision_directives=secure,
    )
    with context.begin_transaction():
        context.run_migrations()


def _security(operations: Iterable[Any], metadata: MetaData, database: str) -> list[ExecuteSQLOp]:
    created = []
    for operation in operations:
        if isinstance(operation, CreateTableOp):
            created.append(metadata.tables[operation.table_name])
            # The declaration is code of today; the migration holds what it stands for.
            operation.info = {}
    return [
        ExecuteSQLOp(statement)
        for table in created
        for statement in security_statements(table, database)
    ]
