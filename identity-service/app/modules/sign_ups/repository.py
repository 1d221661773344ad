"""All SQL about sign-ups."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from app.modules.sign_ups.models import SignUp
from app.modules.sign_ups.schemas import SignUpRow
from shared_lib.tables import Statement
from shared_lib.tenancy import ServiceTx, Tx

_NOW = bindparam("now", type_=DateTime(timezone=True))
_THIS = SignUp.id == bindparam("sign_up_id", type_=Uuid)
_ROW = select(
    SignUp.id, SignUp.email, SignUp.name, SignUp.created_at, SignUp.expires_at, SignUp.used_at
)
_GET = Statement(_ROW.where(_THIS), SignUpRow)
_LOCK = Statement(_ROW.where(_THIS).with_for_update(), SignUpRow)
_INSERT: Statement[Any] = Statement(
    insert(SignUp).values(
        id=bindparam("sign_up_id", type_=Uuid),
        email=bindparam("email", type_=Text),
        name=bindparam("name", type_=Text),
        created_at=_NOW,
        expires_at=bindparam("expires_at", type_=DateTime(timezone=True)),
    )
)
_USE: Statement[Any] = Statement(update(SignUp).where(_THIS).values(used_at=_NOW))
_DELETE_EXPIRED: Statement[Any] = Statement(
    delete(SignUp).where(
        SignUp.id.in_(
            select(SignUp.id)
            .where(SignUp.expires_at < _NOW)
            .limit(bindparam("limit", type_=Integer))
        )
    )
)


async def insert_sign_up(
    tx: Tx, sign_up_id: UUID, *, email: str, name: str | None, now: datetime, expires_at: datetime
) -> None:
    """Somebody asked for an account."""
    await tx.execute(
        _INSERT, sign_up_id=sign_up_id, email=email, name=name, now=now, expires_at=expires_at
    )


async def get_sign_up(tx: Tx, sign_up_id: UUID) -> SignUpRow | None:
    """A sign-up, whatever became of it."""
    return await tx.one(_GET, sign_up_id=sign_up_id)


async def lock_sign_up(tx: Tx, sign_up_id: UUID) -> SignUpRow | None:
    """A sign-up that nobody else completes until the transaction ends."""
    return await tx.one(_LOCK, sign_up_id=sign_up_id)


async def use_sign_up(tx: Tx, sign_up_id: UUID, now: datetime) -> None:
    """The sign-up became a person."""
    await tx.execute(_USE, sign_up_id=sign_up_id, now=now)


async def delete_expired(tx: ServiceTx, now: datetime, limit: int) -> int:
    """Delete at most `limit` sign-ups whose time is over; how many there were."""
    return await tx.execute(_DELETE_EXPIRED, now=now, limit=limit)
