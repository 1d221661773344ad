"""Who waits for a lock, seen from within the transaction that holds it."""

import asyncpg

from tests.conftest import eventually

_WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def until_waiting(admin: asyncpg.Connection, count: int = 1) -> None:
    """Wait until so many connections to this database wait for a lock."""

    async def found() -> bool:
        # A transaction sees what was going on when it looked first.
        await admin.execute("SELECT pg_stat_clear_snapshot()")
        waiting: int = await admin.fetchval(_WAITING)
        return waiting == count

    await eventually(found)
