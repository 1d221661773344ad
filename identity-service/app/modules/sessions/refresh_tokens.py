"""All SQL about refresh tokens; a file of its own, beside that of their sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    LargeBinary,
    Uuid,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from app.modules.sessions.models import RefreshToken, SignInSession
from app.modules.sessions.schemas import Family, RefreshTokenRow
from shared_lib.tables import Statement
from shared_lib.tenancy import ServiceTx, Tx

_NOW = bindparam("now", type_=DateTime(timezone=True))
_EXPIRES_AT = bindparam("expires_at", type_=DateTime(timezone=True))
_BEFORE = bindparam("before", type_=DateTime(timezone=True))
_SESSION = bindparam("session_id", type_=Uuid)
_HASH = bindparam("token_hash", type_=LargeBinary)

_FIND_FAMILY = Statement(
    select(SignInSession.id, SignInSession.person_id)
    .join(RefreshToken, RefreshToken.session_id == SignInSession.id)
    .where(RefreshToken.token_hash == _HASH),
    Family,
)
_GET_TOKEN = Statement(
    select(RefreshToken.expires_at, RefreshToken.spent_at, RefreshToken.answer).where(
        RefreshToken.token_hash == _HASH
    ),
    RefreshTokenRow,
)
_INSERT_TOKEN: Statement[Any] = Statement(
    insert(RefreshToken).values(
        token_hash=_HASH, session_id=_SESSION, issued_at=_NOW, expires_at=_EXPIRES_AT
    )
)
_SPEND: Statement[Any] = Statement(
    update(RefreshToken)
    .where(RefreshToken.token_hash == _HASH)
    .values(spent_at=_NOW, answer=bindparam("answer", type_=LargeBinary))
)
_FORGET_ANSWERS: Statement[Any] = Statement(
    update(RefreshToken)
    .where(RefreshToken.session_id == _SESSION, RefreshToken.answer.is_not(None))
    .where(RefreshToken.spent_at < _BEFORE)
    .values(answer=None)
)
_DELETE_OLD: Statement[Any] = Statement(
    delete(RefreshToken).where(
        RefreshToken.token_hash.in_(
            select(RefreshToken.token_hash)
            .join(SignInSession, SignInSession.id == RefreshToken.session_id)
            .where(or_(SignInSession.ended_at < _BEFORE, SignInSession.expires_at < _BEFORE))
            .limit(bindparam("limit", type_=Integer))
        )
    )
)


async def find_family(tx: Tx, token_hash: bytes) -> Family | None:
    """Whose refresh token it is."""
    return await tx.one(_FIND_FAMILY, token_hash=token_hash)


async def get_token(tx: Tx, token_hash: bytes) -> RefreshTokenRow | None:
    """A refresh token as it is now; read it when its session is locked."""
    return await tx.one(_GET_TOKEN, token_hash=token_hash)


async def insert_token(
    tx: Tx, token_hash: bytes, session_id: UUID, *, now: datetime, expires_at: datetime
) -> None:
    """A fresh refresh token."""
    await tx.execute(
        _INSERT_TOKEN, token_hash=token_hash, session_id=session_id, now=now, expires_at=expires_at
    )


async def spend_token(tx: Tx, token_hash: bytes, answer: bytes, now: datetime) -> None:
    """A token was exchanged for what `answer` encrypts."""
    await tx.execute(_SPEND, token_hash=token_hash, answer=answer, now=now)


async def forget_answers(tx: Tx, session_id: UUID, before: datetime) -> None:
    """Drop the answers of tokens that were spent longer ago than anybody may ask for them."""
    await tx.execute(_FORGET_ANSWERS, session_id=session_id, before=before)


async def delete_old(tx: ServiceTx, before: datetime, limit: int) -> int:
    """Delete at most `limit` tokens of sessions that were over before an instant; how many."""
    return await tx.execute(_DELETE_OLD, before=before, limit=limit)
