"""What a pooled connection carries from one organization to the next: nothing, by any way.

Over real connections of role `app`, through the pool, the opening batch and the jobs that the
services use. It only reads, and needs two organizations that have rows.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from shared_lib.audit import PLATFORM
from shared_lib.caller import Caller
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError
from shared_lib.jobs import Job, TenantMissing, Work
from shared_lib.prove._injections import INJECTIONS
from shared_lib.tables import role_name
from shared_lib.tenancy import (
    Database,
    Runtime,
    Scope,
    Settings,
    TenantTx,
    background_transaction,
    call,
    opening_batch,
)

__all__ = ["CONNECTION_CHECKS", "Pool", "open_pool"]

_TENANT = "SELECT current_setting('app.current_tenant', true)"
_PID = "SELECT pg_backend_pid()"
_MOMENT = 0.2  # seconds: by then the statement runs


@dataclass(frozen=True)
class Pool:
    """A pool of one connection, and two organizations that have rows in one of `tables`."""

    connections: Database
    database: str
    tables: tuple[str, ...]
    first: UUID
    second: UUID

    def transaction(self, tenant: UUID) -> AbstractAsyncContextManager[TenantTx]:
        """A transaction of `tenant`, opened as a job's is."""
        caller = Caller(token=None, request_id=uuid4(), job_tenant_id=tenant)
        return background_transaction(self.runtime, TenantTx, caller)

    @property
    def runtime(self) -> Runtime:
        """What jobs work with; nobody is admitted in them."""
        return Runtime({Scope.ORGANIZATION: self.connections}, lambda _operation, _caller: "")

    async def seen(self, connection: asyncpg.Connection) -> set[UUID]:
        """Whose rows are seen on `connection` now, in any table."""
        each = (f"SELECT tenant_id FROM public.{table}" for table in self.tables)  # noqa: S608  names
        rows = await connection.fetch(" UNION ".join(each))
        return {row["tenant_id"] for row in rows}

    async def left_behind(self, after: str) -> AsyncIterator[str]:
        """What the next user of the pool would find `after` something."""
        async with self.connections.connection() as connection:
            if tenant := await connection.fetchval(_TENANT):
                yield f"after {after} the connection carries the tenant {tenant}"
            if seen := await self._seen_without_tenant(connection):
                yield f"after {after} rows of {seen} are seen without a tenant"
        async with self.transaction(self.second) as tx:
            if (seen := await self.seen(tx.connection)) != {self.second}:
                yield f"after {after} the next organization, {self.second}, sees rows of {seen}"

    async def _seen_without_tenant(self, connection: asyncpg.Connection) -> set[UUID]:
        try:
            return await self.seen(connection)
        except asyncpg.DataError:  # no tenant is no UUID
            return set()


@asynccontextmanager
async def open_pool(
    administrator: asyncpg.Connection, url: str, database: str, tables: list[str]
) -> AsyncIterator[Pool]:
    """A pool of role `app` by its own `url`. Raises LookupError without two organizations."""
    connections = Database(url, pool_size=1, pool_timeout=5, application_name="phasezero prove")
    try:
        for table in tables:
            rows = await administrator.fetch(
                f"SELECT tenant_id FROM public.{table} WHERE tenant_id <> $1"  # noqa: S608
                " GROUP BY 1 ORDER BY 1 LIMIT 2",
                PLATFORM,  # what staff did to no organization
            )
            if len(rows) > 1:
                first, second = (row["tenant_id"] for row in rows)
                yield Pool(connections, database, tuple(tables), first, second)
                return
        raise LookupError("no table has rows of two organizations")
    finally:
        await connections.aclose()


async def _recycled(pool: Pool) -> AsyncIterator[str]:
    pids = set()
    for tenant in (pool.first, pool.second, pool.first):
        async with pool.transaction(tenant) as tx:
            pids.add(await tx.connection.fetchval(_PID))
            if (seen := await pool.seen(tx.connection)) != {tenant}:
                yield f"{tenant} sees rows of {seen}"
    if len(pids) > 1:
        yield "the connection was not used again, so this says nothing"
    async for fault in pool.left_behind("a transaction"):
        yield fault


async def _refused(pool: Pool) -> AsyncIterator[str]:
    arguments = {"identity": (1, uuid4(), 1, 0), "product": (0, 0, 1, None, uuid4(), 0)}
    admission = call("public.admit", *arguments[pool.database])
    unknown = Settings(tenant=uuid4(), person=uuid4())
    batch = opening_batch(unknown, reads_only=False, admission=admission)
    try:
        async with pool.connections.connection() as connection:
            await connection.execute(batch)
        yield "nobody was refused: admission let an unknown session in"
    except asyncpg.PostgresError as error:
        if not str(error.sqlstate).startswith("PT"):
            yield f"admission ended in {error.sqlstate} ({error}), which is no refusal"
    async for fault in pool.left_behind("a refused admission"):
        yield fault


async def _cancelled(pool: Pool) -> AsyncIterator[str]:
    with suppress(TimeoutError):  # what a cancellation becomes outside of the transaction
        async with asyncio.timeout(None) as request, pool.transaction(pool.first) as tx:
            request.reschedule(asyncio.get_running_loop().time() + _MOMENT)
            await tx.connection.execute("SELECT pg_sleep(30)")
    async for fault in pool.left_behind("a cancelled request"):
        yield fault


async def _failed(pool: Pool) -> AsyncIterator[str]:
    with suppress(asyncpg.DivisionByZeroError, ApiError):
        async with pool.transaction(pool.first) as tx:
            await tx.connection.execute("SELECT 1 / 0")
    async for fault in pool.left_behind("a failed statement"):
        yield fault


async def _savepoints(pool: Pool) -> AsyncIterator[str]:
    """SET LOCAL in a released savepoint stays until the transaction ends, and no longer."""
    other = f"SET LOCAL app.current_tenant = '{pool.second}'"
    async with pool.transaction(pool.first) as tx:
        await tx.connection.execute(
            f"SAVEPOINT inner_one; {other}; ROLLBACK TO SAVEPOINT inner_one"
        )
        if (seen := await pool.seen(tx.connection)) != {pool.first}:
            yield f"after a savepoint that was rolled back {pool.first} sees rows of {seen}"
        await tx.connection.execute(f"SAVEPOINT inner_two; {other}; RELEASE SAVEPOINT inner_two")
    async for fault in pool.left_behind("a savepoint that was released"):
        yield fault


async def _jobs(pool: Pool) -> AsyncIterator[str]:
    def work(tenant: UUID) -> Work[None]:
        job = Job(tenant, uuid4(), "prove", {}, attempts=1, created_at=utc_now())
        return Work(job, None, pool.runtime)

    async with work(pool.first).tenant() as tx:
        if (seen := await pool.seen(tx.connection)) != {pool.first}:
            yield f"a job of {pool.first} sees rows of {seen}"
    try:
        async with work(PLATFORM).tenant() as tx:
            seen = await pool.seen(tx.connection)
            yield f"a job without an organization got a transaction, and sees rows of {seen}"
    except TenantMissing:
        pass
    async for fault in pool.left_behind("a job"):
        yield fault


async def _injected(pool: Pool) -> AsyncIterator[str]:
    owner = role_name(pool.database, "owner")
    for name, text in INJECTIONS.items():
        statement = text.format(tenant=pool.second, table=pool.tables[0], owner=owner)
        async with pool.transaction(pool.first) as tx:
            await tx.connection.execute("SAVEPOINT injection")
            try:
                await tx.connection.fetch(statement)
            except asyncpg.PostgresError:
                await tx.connection.execute("ROLLBACK TO SAVEPOINT injection")
            if (seen := await pool.seen(tx.connection)) != {pool.first}:
                yield f"{name} let {pool.first} see rows of {seen}: {statement}"
        async for fault in pool.left_behind(name):
            yield fault


CONNECTION_CHECKS: dict[str, tuple[str, Callable[[Pool], AsyncIterator[str]]]] = {
    "recycled": ("a recycled connection serves the next organization its own rows", _recycled),
    "refused": ("a refused admission leaves nothing in the connection", _refused),
    "cancelled": ("a cancelled request leaves nothing in the connection", _cancelled),
    "failed": ("a failed statement leaves nothing in the connection", _failed),
    "savepoints": ("a tenant set in a savepoint ends with it or its transaction", _savepoints),
    "jobs": ("a job sees its organization, and without one it gets no rows", _jobs),
    "injections": ("no single injected statement switches the tenant", _injected),
}
"""By name: what holds, and the check."""
