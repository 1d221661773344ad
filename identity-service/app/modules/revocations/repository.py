"""All SQL about revocations that wait to be sent."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, Uuid, any_, bindparam, delete, insert, select, update

from app.modules.revocations.models import PendingRevocation
from app.modules.revocations.schemas import Revocation
from shared_lib.tables import Statement
from shared_lib.tenancy import Tx

_BATCH = 100
_COLUMNS = (
    PendingRevocation.id,
    PendingRevocation.kind,
    PendingRevocation.subject_id,
    PendingRevocation.tenant_id,
    PendingRevocation.not_before,
    PendingRevocation.ended_at,
)
_THESE = PendingRevocation.id == any_(bindparam("ids", type_=ARRAY(Uuid)))

_INSERT: Statement[Any] = Statement(
    insert(PendingRevocation).values(
        {column.key: bindparam(column.key, type_=column.type) for column in _COLUMNS}
    )
)
# Another replica's are skipped, and free again when its transaction ends, however it ends.
_LOCK = Statement(
    select(*_COLUMNS)
    .order_by(PendingRevocation.attempts, PendingRevocation.id)
    .limit(_BATCH)
    .with_for_update(skip_locked=True),
    Revocation,
)
_DELETE: Statement[Any] = Statement(delete(PendingRevocation).where(_THESE))
_COUNT_ATTEMPT: Statement[Any] = Statement(
    update(PendingRevocation).where(_THESE).values(attempts=PendingRevocation.attempts + 1)
)


async def insert_revocation(tx: Tx, revocation: Revocation) -> None:
    """Let a revocation wait; it is sent if, and only if, the transaction commits."""
    await tx.execute(_INSERT, **asdict(revocation))


async def lock_waiting(connection: asyncpg.Connection) -> list[Revocation]:
    """At most a hundred that nobody else is sending; what failed before comes last."""
    return [_LOCK.row(record) for record in await connection.fetch(_LOCK.sql, *_LOCK.arguments({}))]


async def delete_sent(connection: asyncpg.Connection, ids: Sequence[UUID]) -> None:
    """Forget what the core has confirmed."""
    await connection.execute(_DELETE.sql, *_DELETE.arguments({"ids": ids}))


async def count_attempt(connection: asyncpg.Connection, ids: Sequence[UUID]) -> None:
    """Note that the core did not confirm."""
    await connection.execute(_COUNT_ATTEMPT.sql, *_COUNT_ATTEMPT.arguments({"ids": ids}))
