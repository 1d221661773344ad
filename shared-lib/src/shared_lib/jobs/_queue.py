"""The table of jobs and every statement about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from shared_lib.audit import PLATFORM
from shared_lib.ids import uuid7
from shared_lib.jobs._kinds import Every, Job, JobFailed, JobKind
from shared_lib.jobs._measurements import measurements_table
from shared_lib.tables import Grant, Policy, Predicate, Statement, global_table, tenant_table
from shared_lib.tenancy import Tx

_PROGRESS = ("run_at", "attempts", "held_at", "failure")
_LONGEST_FAILURE = 200


@dataclass(frozen=True, slots=True)
class KindState:
    """The jobs of one kind. `failing` of the waiting ones failed before; `oldest_seconds` is the
    age of the oldest that waits.
    """

    kind: str
    waiting: int
    failing: int
    held: int
    oldest_seconds: float


class JobQueue:
    """The jobs of one service: declared with its tables, filled by requests, emptied by workers.

    `enqueuers` are the roles besides `app` that insert jobs. `app` inserts its organization's own.
    A job waits until `run_at`; whoever claims it moves that into the future, by the length of a
    lease, so that a worker that dies gives it back by doing nothing.
    """

    def __init__(self, metadata: MetaData, *, enqueuers: Iterable[str]) -> None:
        self.jobs = _jobs_table(metadata, tuple(enqueuers))
        self.schedules = _schedules_table(metadata)
        self.measurements = measurements_table(metadata)
        self._insert = _insert_statement(self.jobs)
        self._put_once = _put_once_statement(self.jobs)
        self._advance = _advance_statement(self.schedules)
        self._claim = _claim_statement(self.jobs)
        this = (
            self.jobs.c.tenant_id == bindparam("tenant_id", type_=Uuid),
            self.jobs.c.id == bindparam("id", type_=Uuid),
            # Of a lease that ran out, only the latest holder has a say.
            self.jobs.c.attempts == bindparam("attempts", type_=Integer),
        )
        self._delete: Statement[Any] = Statement(delete(self.jobs).where(*this))
        failure = bindparam("failure", type_=Text)
        self._retry: Statement[Any] = Statement(
            update(self.jobs).where(*this).values(run_at=_in_seconds("pause"), failure=failure)
        )
        self._hold: Statement[Any] = Statement(
            update(self.jobs).where(*this).values(held_at=func.now(), failure=failure)
        )
        self._hand_back: Statement[Any] = Statement(
            update(self.jobs)
            .where(*this)
            .values(run_at=func.now(), attempts=self.jobs.c.attempts - 1)
        )
        self._states = _states_statement(self.jobs)

    async def enqueue(
        self, tx: Tx, kind: str, *, tenant_id: UUID = PLATFORM, delay: float = 0.0, **arguments: Any
    ) -> UUID:
        """Promise a job, if and only if `tx` commits; its id. `delay` is in seconds.

        `arguments` are JSON scalars: ids, instants, numbers. Never contents, never secrets.
        """
        job_id = uuid7()
        values = {"tenant_id": tenant_id, "id": job_id, "kind": kind, "arguments": arguments}
        await tx.execute(self._insert, **values, delay=delay)
        return job_id

    async def put(
        self, connection: asyncpg.Connection, kind: str, *, tenant_id: UUID, **arguments: Any
    ) -> None:
        """Promise a job, if and only if the transaction that is open on `connection` commits."""
        values = {"tenant_id": tenant_id, "id": uuid7(), "kind": kind, "arguments": arguments}
        given = self._insert.arguments({**values, "delay": 0.0})
        await connection.execute(self._insert.sql, *given)

    async def claim(
        self, connection: asyncpg.Connection, kinds: Sequence[JobKind], most: int, lease: float
    ) -> list[Job]:
        """At most `most` jobs that are due, for `lease` seconds; the longest overdue first."""
        names = [kind.name for kind in kinds]
        arguments = self._claim.arguments({"kinds": names, "most": most, "lease": lease})
        return [self._claim.row(row) for row in await connection.fetch(self._claim.sql, *arguments)]

    async def finish(self, connection: asyncpg.Connection, job: Job) -> None:
        """The job is done: it leaves the table."""
        await self._on(connection, self._delete, job)

    async def finish_with(self, tx: Tx, job: Job) -> None:
        """The job is done if, and only if, `tx` (of role `worker`) commits: for jobs whose whole
        effect is in the database, which then happens once. Raises JobFailed when its lease ran out
        and somebody else has it.
        """
        this = {"tenant_id": job.tenant_id, "id": job.id, "attempts": job.attempts}
        if await tx.execute(self._delete, **this) == 0:
            raise JobFailed("another worker has taken the job over")

    async def retry(
        self, connection: asyncpg.Connection, job: Job, failure: str, pause: float
    ) -> None:
        """Try the job again after `pause` seconds."""
        await self._on(connection, self._retry, job, failure=_short(failure), pause=pause)

    async def hold(self, connection: asyncpg.Connection, job: Job, failure: str) -> None:
        """Keep the job for a person to look at: nothing that was promised is thrown away."""
        await self._on(connection, self._hold, job, failure=_short(failure))

    async def hand_back(self, connection: asyncpg.Connection, job: Job) -> None:
        """Let another worker have the job at once, as if it had not been claimed."""
        await self._on(connection, self._hand_back, job)

    async def start_due(self, connection: asyncpg.Connection, recurring: Every) -> bool:
        """Enqueue recurring work if it is due, whoever looks first; whether this call did."""
        every = recurring.interval.total_seconds()
        advance = self._advance.arguments({"name": recurring.name, "every": every})
        put = self._put_once.arguments(
            {"tenant_id": PLATFORM, "id": recurring.job_id, "kind": recurring.name}
        )
        async with connection.transaction():
            if await connection.fetchval(self._advance.sql, *advance) is None:
                return False
            await connection.execute(self._put_once.sql, *put)
        return True

    async def states(self, connection: asyncpg.Connection) -> list[KindState]:
        """Every kind of which there are jobs."""
        arguments = self._states.arguments({})
        rows = await connection.fetch(self._states.sql, *arguments)
        return [self._states.row(row) for row in rows]

    async def _on(
        self, connection: asyncpg.Connection, statement: Statement[Any], job: Job, **values: Any
    ) -> None:
        this = {"tenant_id": job.tenant_id, "id": job.id, "attempts": job.attempts}
        await connection.execute(statement.sql, *statement.arguments({**this, **values}))


def _jobs_table(metadata: MetaData, enqueuers: tuple[str, ...]) -> Table:
    worker = Grant("worker", select=True, insert=True, update=_PROGRESS, delete=True)
    return Table(
        "jobs",
        metadata,
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("arguments", JSONB, nullable=False),
        Column("run_at", DateTime(timezone=True), nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("held_at", DateTime(timezone=True)),
        Column("failure", Text),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_jobs_due", "run_at", postgresql_where=text("held_at IS NULL")),
        info=tenant_table(
            *(Grant(role, insert=True) for role in ("app", *enqueuers)),
            worker,
            every_row=("worker",),
            policies=(Policy(role, Predicate.EVERY_ROW, "INSERT") for role in enqueuers),
        ),
    )


def _schedules_table(metadata: MetaData) -> Table:
    return Table(
        "schedules",
        metadata,
        Column("name", Text, primary_key=True),
        Column("next_at", DateTime(timezone=True), nullable=False),
        info=global_table(
            Grant("worker", select=True, insert=True, update=("next_at",)),
            reason="when recurring work is due next; about no organization",
        ),
    )


def _insert_statement(jobs: Table) -> Statement[Any]:
    values = {name: bindparam(name, type_=jobs.c[name].type) for name in ("tenant_id", "id")}
    return Statement(
        jobs.insert().values(
            **values,
            kind=bindparam("kind", type_=Text),
            arguments=bindparam("arguments", type_=JSONB),
            run_at=_in_seconds("delay"),
        )
    )


def _put_once_statement(jobs: Table) -> Statement[Any]:
    values = {name: bindparam(name, type_=jobs.c[name].type) for name in ("tenant_id", "id")}
    statement = insert(jobs).values(
        **values,
        kind=bindparam("kind", type_=Text),
        arguments=text("'{}'::jsonb"),
        run_at=func.now(),
    )
    return Statement(statement.on_conflict_do_nothing(index_elements=["tenant_id", "id"]))


def _advance_statement(schedules: Table) -> Statement[Any]:
    statement = insert(schedules).values(
        name=bindparam("name", type_=Text), next_at=_in_seconds("every")
    )
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"next_at": statement.excluded.next_at},
            where=schedules.c.next_at <= func.now(),
        ).returning(schedules.c.name)
    )


def _claim_statement(jobs: Table) -> Statement[Job]:
    due = (
        select(jobs.c.tenant_id, jobs.c.id)
        .where(jobs.c.held_at.is_(None), jobs.c.run_at <= func.now())
        .where(jobs.c.kind == any_(bindparam("kinds", type_=ARRAY(Text))))
        .order_by(jobs.c.run_at)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return Statement(
        update(jobs)
        .where(jobs.c.tenant_id == due.c.tenant_id, jobs.c.id == due.c.id)
        .values(run_at=_in_seconds("lease"), attempts=jobs.c.attempts + 1)
        .returning(
            jobs.c.tenant_id,
            jobs.c.id,
            jobs.c.kind,
            jobs.c.arguments,
            jobs.c.attempts,
            jobs.c.created_at,
        ),
        Job,
    )


def _states_statement(jobs: Table) -> Statement[KindState]:
    waits = jobs.c.held_at.is_(None)
    age = func.extract("epoch", func.now() - func.min(jobs.c.created_at).filter(waits))
    return Statement(
        select(
            jobs.c.kind,
            func.count().filter(waits),
            func.count().filter(waits, jobs.c.failure.is_not(None)),
            func.count().filter(jobs.c.held_at.is_not(None)),
            func.coalesce(age.cast(Float), 0.0),
        )
        .group_by(jobs.c.kind)
        .order_by(jobs.c.kind),
        KindState,
    )


def _in_seconds(name: str) -> Any:
    """The instant `:name` seconds from now, by the server's clock, which all workers share."""
    seconds = bindparam(name, type_=Float)
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _short(failure: str) -> str:
    return failure.replace("\0", "")[:_LONGEST_FAILURE]
