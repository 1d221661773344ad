"""Transactions of work that is nobody's request: a job's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from shared_lib.caller import Caller
from shared_lib.tenancy._batch import Settings, opening_batch
from shared_lib.tenancy._opening import open_transaction
from shared_lib.tenancy._transaction import Tx
from shared_lib.tenancy._unit import Runtime

AnyTx = TypeVar("AnyTx", bound=Tx)


@asynccontextmanager
async def background_transaction(
    runtime: Runtime, kind: type[AnyTx], caller: Caller
) -> AsyncIterator[AnyTx]:
    """A transaction of the scope of `kind`, in the organization of `caller` if it has one.

    Nobody is admitted: there is no token. Row level security binds it like any other. Commits when
    it is left, rolls back when an exception leaves it.
    """
    settings = Settings(tenant=caller.tenant_id, request_id=caller.request_id)
    batch = opening_batch(settings, reads_only=False)
    tx = await open_transaction(
        runtime.databases[kind.scope],
        batch,
        lambda lease: kind(lease, caller, batch, runtime.events),
    )
    try:
        yield tx
        await tx.conclude()
    except BaseException:
        await tx.abort()
        raise
