"""All SQL about password resets."""

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

from app.modules.password_resets.models import PasswordReset
from app.modules.password_resets.schemas import PasswordResetRow
from shared_lib.tables import Statement
from shared_lib.tenancy import ServiceTx, Tx

_NOW = bindparam("now", type_=DateTime(timezone=True))
_PERSON = bindparam("person", type_=Uuid)
_THIS = PasswordReset.id == bindparam("reset_id", type_=Uuid)
_ROW = select(
    PasswordReset.id,
    PasswordReset.email,
    PasswordReset.person_id,
    PasswordReset.created_at,
    PasswordReset.expires_at,
    PasswordReset.used_at,
)
_GET = Statement(_ROW.where(_THIS), PasswordResetRow)
_LOCK = Statement(_ROW.where(_THIS).with_for_update(), PasswordResetRow)
_INSERT: Statement[Any] = Statement(
    insert(PasswordReset).values(
        id=bindparam("reset_id", type_=Uuid),
        email=bindparam("email", type_=Text),
        created_at=_NOW,
        expires_at=bindparam("expires_at", type_=DateTime(timezone=True)),
    )
)
_MAIL: Statement[Any] = Statement(update(PasswordReset).where(_THIS).values(person_id=_PERSON))
_USE: Statement[Any] = Statement(
    update(PasswordReset)
    .where(_THIS)
    .values(used_at=_NOW, used_from=bindparam("used_from", type_=Text))
)
_LIST_USED_FROM = Statement(
    select(PasswordReset.used_from).where(
        PasswordReset.person_id == _PERSON, PasswordReset.used_from.is_not(None)
    ),
    str,
)
_DELETE_EXPIRED: Statement[Any] = Statement(
    delete(PasswordReset).where(
        PasswordReset.id.in_(
            select(PasswordReset.id)
            .where(PasswordReset.expires_at < _NOW)
            .limit(bindparam("limit", type_=Integer))
        )
    )
)


async def insert_reset(
    tx: Tx, reset_id: UUID, *, email: str, now: datetime, expires_at: datetime
) -> None:
    """Somebody asked for a link to this address."""
    await tx.execute(_INSERT, reset_id=reset_id, email=email, now=now, expires_at=expires_at)


async def get_reset(tx: Tx, reset_id: UUID) -> PasswordResetRow | None:
    """A reset, whatever became of it."""
    return await tx.one(_GET, reset_id=reset_id)


async def lock_reset(tx: Tx, reset_id: UUID) -> PasswordResetRow | None:
    """A reset that nobody else completes until the transaction ends."""
    return await tx.one(_LOCK, reset_id=reset_id)


async def mark_mailed(tx: ServiceTx, reset_id: UUID, person_id: UUID) -> None:
    """A link is mailed to this person."""
    await tx.execute(_MAIL, reset_id=reset_id, person=person_id)


async def use_reset(tx: Tx, reset_id: UUID, used_from: str, now: datetime) -> None:
    """The password was replaced, from this client address."""
    await tx.execute(_USE, reset_id=reset_id, used_from=used_from, now=now)


async def list_used_from(tx: Tx, person_id: UUID | None) -> list[str]:
    """Each client address from which the person has replaced the password lately."""
    return await tx.rows(_LIST_USED_FROM, person=person_id)


async def delete_expired(tx: ServiceTx, now: datetime, limit: int) -> int:
    """Delete at most `limit` resets whose time is over; how many there were."""
    return await tx.execute(_DELETE_EXPIRED, now=now, limit=limit)
