"""All SQL about service accounts."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from app.modules.clients.models import ServiceAccount
from app.modules.clients.schemas import Account
from shared_lib.tables import Statement
from shared_lib.tenancy import Tx

_CLIENT_ID = bindparam("client_id", type_=Text)
_SECRET_HASH = bindparam("secret_hash", type_=LargeBinary)
_NOW = bindparam("now", type_=DateTime(timezone=True))

_FIND = Statement(
    select(ServiceAccount.id, ServiceAccount.client_id, ServiceAccount.secret_hash).where(
        ServiceAccount.client_id == _CLIENT_ID, ServiceAccount.active
    ),
    Account,
)
_INSERTED = insert(ServiceAccount).values(
    id=bindparam("id", type_=Uuid),
    client_id=_CLIENT_ID,
    secret_hash=_SECRET_HASH,
    created_at=_NOW,
    updated_at=_NOW,
)
_PUT: Statement[Any] = Statement(
    _INSERTED.on_conflict_do_update(
        index_elements=[ServiceAccount.client_id],
        set_={"secret_hash": _SECRET_HASH, "updated_at": _NOW},
        where=ServiceAccount.secret_hash != _SECRET_HASH,
    )
)


async def find_account(tx: Tx, client_id: str) -> Account | None:
    """The active service account of this name."""
    return await tx.one(_FIND, client_id=client_id)


async def put_account(
    connection: asyncpg.Connection,
    *,
    account_id: UUID,
    client_id: str,
    secret_hash: bytes,
    now: datetime,
) -> None:
    """Make the account, or give it this secret."""
    values = {"id": account_id, "client_id": client_id, "secret_hash": secret_hash, "now": now}
    await connection.execute(_PUT.sql, *_PUT.arguments(values))
