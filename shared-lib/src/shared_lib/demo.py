"""How demo data come into a database, in development only, as its owner past FORCE; and do not."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable

from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared_lib.postgres import TenantConnection


def load_demo(load: Callable[[Connection], None], *, forced: Iterable[str]) -> None:
    """Run `load` in one transaction on MIGRATION_DATABASE_URL as MIGRATION_ROLE.

    `forced` names the tables under row level security that it writes. Exits with 2 where
    ENVIRONMENT is anything but development: what it loads has public passwords.
    """
    if os.environ.get("ENVIRONMENT") != "development":
        sys.stderr.write("Demo data are for ENVIRONMENT=development only.\n")
        sys.exit(2)
    asyncio.run(_run(load, tuple(forced)))


def require_no_demo(present: Callable[[Connection], bool]) -> None:
    """Exit with 1 where `present` finds demo data in MIGRATION_DATABASE_URL."""

    def look(connection: Connection) -> None:
        if present(connection):
            sys.exit("Demo data are there, and their passwords are public.")

    asyncio.run(_run(look, ()))


async def _run(load: Callable[[Connection], None], forced: tuple[str, ...]) -> None:
    engine = create_async_engine(
        os.environ["MIGRATION_DATABASE_URL"],
        poolclass=pool.NullPool,
        connect_args={"connection_class": TenantConnection},
    )
    async with engine.begin() as connection:
        await connection.execute(text(f'SET LOCAL ROLE "{os.environ["MIGRATION_ROLE"]}"'))
        # The owner is bound by FORCE like everybody; off, and a forgotten table fails loudly.
        await connection.execute(text("SET LOCAL row_security = off"))
        for table in forced:
            await connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
        await connection.run_sync(load)
        for table in forced:
            await connection.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
    await engine.dispose()
