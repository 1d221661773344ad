"""Opens a transaction by its batch, and repairs the connection when that is refused or fails."""

from collections.abc import Callable
from typing import TypeVar

import asyncpg

from shared_lib.errors import DatabaseUnavailable, api_error_from_database
from shared_lib.postgres import is_lost
from shared_lib.tenancy._database import Database, Lease
from shared_lib.tenancy._transaction import Tx

AnyTx = TypeVar("AnyTx", bound=Tx)


async def open_transaction(database: Database, batch: str, make: Callable[[Lease], AnyTx]) -> AnyTx:
    """Send `batch` on a connection of `database` and make a Tx of it.

    Raises the refusal of admission, or DatabaseUnavailable. Connections that died while they were
    idle are replaced: nothing was done on them.
    """
    for _ in range(database.size + 1):
        lease = await database.lease()
        try:
            await lease.connection.execute(batch)
            return make(lease)
        except BaseException as error:
            refusal = _refusal(error)
            if refusal is None:
                # Whatever it was, nobody can say in which state it left the connection.
                lease.discard()
            await give_up(lease)
            if is_lost(error):
                continue
            if refusal := refusal or api_error_from_database(error):
                raise refusal from error
            raise
    raise DatabaseUnavailable


async def give_up(lease: Lease) -> None:
    """Roll back what is open and give the connection back."""
    try:
        await lease.roll_back()
    finally:
        lease.release()


def _refusal(error: BaseException) -> Exception | None:
    """The API error of a refused admission; other errors are faults of the connection or ours."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate.startswith("PT"):
        return api_error_from_database(error)
    return None
