"""All SQL about trusted clients."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from app.modules.clients.models import TrustedClient
from app.modules.clients.schemas import TrustedClientRow
from shared_lib.tables import Statement
from shared_lib.tenancy import Tx

_CLIENT_ID = bindparam("client_id", type_=Text)
_SECRET_HASH = bindparam("secret_hash", type_=LargeBinary)
_NOW = bindparam("now", type_=DateTime(timezone=True))

_FIND = Statement(
    select(TrustedClient.id, TrustedClient.client_id, TrustedClient.secret_hash).where(
        TrustedClient.client_id == _CLIENT_ID, TrustedClient.active
    ),
    TrustedClientRow,
)
_INSERTED = insert(TrustedClient).values(
    id=bindparam("id", type_=Uuid),
    client_id=_CLIENT_ID,
    secret_hash=_SECRET_HASH,
    created_at=_NOW,
    updated_at=_NOW,
)
_PUT: Statement[Any] = Statement(
    _INSERTED.on_conflict_do_update(
        index_elements=[TrustedClient.client_id],
        set_={"secret_hash": _SECRET_HASH, "updated_at": _NOW},
        where=TrustedClient.secret_hash != _SECRET_HASH,
    )
)


async def find_client(tx: Tx, client_id: str) -> TrustedClientRow | None:
    """The active client of this name."""
    return await tx.one(_FIND, client_id=client_id)


async def put_client(
    connection: asyncpg.Connection,
    *,
    id_: UUID,
    client_id: str,
    secret_hash: bytes,
    now: datetime,
) -> None:
    """Make the client, or give it this secret."""
    values = {"id": id_, "client_id": client_id, "secret_hash": secret_hash, "now": now}
    await connection.execute(_PUT.sql, *_PUT.arguments(values))
