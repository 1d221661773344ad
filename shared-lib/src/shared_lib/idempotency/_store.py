"""The table of kept answers and every statement about it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from shared_lib.tables import Grant, Statement, actor_table

KEPT_FOR = timedelta(hours=24)
DEAD_AFTER = timedelta(minutes=1)

_REPLACED = (
    *("fingerprint", "reservation", "status", "content_type", "location", "body"),
    *("resource_id", "created_at"),
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is known of a key. `locked`: nobody else works under it now.

    Without a `fingerprint` nothing is; without a `status` it is reserved by a request under way;
    without a `body` the answer was not kept, only its `resource_id`.
    """

    locked: bool
    fingerprint: bytes | None
    status: int | None
    content_type: str | None
    location: str | None
    body: bytes | None
    resource_id: str | None


class AnswerStore:
    """Kept answers of one service: rows of the actor alone, deleted after a day by the worker.

    `roles` are those that serve people.
    """

    def __init__(self, metadata: MetaData, *, roles: tuple[str, ...]) -> None:
        self.table = table = _table(metadata, roles)
        this = (
            table.c.actor_id == bindparam("actor_id", type_=Uuid),
            table.c.key == bindparam("key", type_=Text),
        )
        reserved = (
            table.c.reservation == bindparam("reservation", type_=Uuid),
            table.c.status.is_(None),
        )
        self.find = _find(table, this)
        self.put: Statement[Any] = _put(table)
        self.complete: Statement[Any] = Statement(
            update(table)
            .where(*this, *reserved)
            .values(
                status=bindparam("status", type_=SmallInteger),
                resource_id=bindparam("resource_id", type_=Text),
            )
        )
        self.release: Statement[Any] = Statement(delete(table).where(*this, *reserved))
        self.delete_old: Statement[Any] = Statement(
            delete(table).where(table.c.created_at <= _ago(KEPT_FOR))
        )

    async def forget_old(self, work: Any) -> None:
        """A recurring job (`shared_lib.jobs.Work`): delete what is too old to be kept."""
        async with work.service() as tx:
            await tx.execute(self.delete_old)


def _table(metadata: MetaData, roles: tuple[str, ...]) -> Table:
    return Table(
        "idempotency_keys",
        metadata,
        Column("actor_id", Uuid, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("reservation", Uuid, nullable=False),
        Column("status", SmallInteger),
        Column("content_type", Text),
        Column("location", Text),
        Column("body", LargeBinary),
        Column("resource_id", Text),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
        CheckConstraint("status IS NOT NULL OR body IS NULL", name="done"),
        Index("ix_idempotency_keys_created", "created_at"),
        info=actor_table(
            *(
                Grant(role, select=True, insert=True, update=_REPLACED, delete=True)
                for role in roles
            ),
            Grant("worker", select=True, delete=True),
            every_row=("worker",),
        ),
    )


def _find(table: Table, this: tuple[Any, ...]) -> Statement[KeptAnswer]:
    """Take the lock of the key until the transaction ends, if it is free, and read its row.

    The row is that of before the lock was taken. Whoever finds none may still be second, when the
    first was committed in between: his insert then meets that row, or what he does its effect.
    """
    lock = func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger))
    one = select(literal(1).label("one")).subquery()
    found = one.outerjoin(table, and_(*this, ~_is_dead(table)))
    columns = (
        table.c[name]
        for name in ("fingerprint", "status", "content_type", "location", "body", "resource_id")
    )
    return Statement(select(lock, *columns).select_from(found), KeptAnswer)


def _put(table: Table) -> Statement[Any]:
    """Insert a row in place of none or of a dead one; touches no row where there is a live one."""
    given = {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.c
        if column.name != "created_at"
    }
    inserted = insert(table).values({**given, "created_at": func.now()})
    return Statement(
        inserted.on_conflict_do_update(
            index_elements=[table.c.actor_id, table.c.key],
            set_={name: inserted.excluded[name] for name in _REPLACED},
            where=_is_dead(table),
        )
    )


def _is_dead(table: Table) -> Any:
    """Too old to be kept, or reserved by a request that must have died."""
    return or_(
        table.c.created_at <= _ago(KEPT_FOR),
        and_(table.c.status.is_(None), table.c.created_at <= _ago(DEAD_AFTER)),
    )


def _ago(age: timedelta) -> Any:
    return func.now() - literal(age, Interval)
