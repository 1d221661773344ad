"""All SQL about sign-in sessions; that about their refresh tokens is in `refresh_tokens`."""

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
    exists,
    insert,
    or_,
    select,
    union,
    update,
)

from app.modules.sessions.models import RefreshToken, SignInSession
from app.modules.sessions.schemas import (
    EndedSession,
    EndReason,
    SessionRead,
    SessionRow,
)
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, ServiceTx, Tx
from shared_lib.web import Listing, PageRequest

_NOW = bindparam("now", type_=DateTime(timezone=True))
_EXPIRES_AT = bindparam("expires_at", type_=DateTime(timezone=True))
_SESSION = bindparam("session_id", type_=Uuid)
_TENANT = bindparam("tenant", type_=Uuid)
_CLIENT_IP = bindparam("client_ip", type_=Text)
_BEFORE = bindparam("before", type_=DateTime(timezone=True))

_SESSION_COLUMNS = (
    SignInSession.id,
    SignInSession.person_id,
    SignInSession.client_id,
    SignInSession.amr,
    SignInSession.auth_time,
    SignInSession.tenant_id,
    SignInSession.expires_at,
    SignInSession.ended_at,
)
_GET = Statement(select(*_SESSION_COLUMNS).where(SignInSession.id == _SESSION), SessionRow)
_LOCK = Statement(
    select(*_SESSION_COLUMNS).where(SignInSession.id == _SESSION).with_for_update(), SessionRow
)
_INSERT = Statement(
    insert(SignInSession)
    .values(
        id=_SESSION,
        person_id=bindparam("person", type_=Uuid),
        client_id=bindparam("client_id", type_=Text),
        amr=bindparam("amr", type_=Text),
        auth_time=_NOW,
        tenant_id=_TENANT,
        created_at=_NOW,
        last_used_at=_NOW,
        expires_at=_EXPIRES_AT,
        client_ip=_CLIENT_IP,
        user_agent=bindparam("user_agent", type_=Text),
        last_client_ip=_CLIENT_IP,
    )
    .returning(*_SESSION_COLUMNS),
    SessionRow,
)
_TOUCH: Statement[Any] = Statement(
    update(SignInSession)
    .where(SignInSession.id == _SESSION)
    .values(last_used_at=_NOW, last_client_ip=_CLIENT_IP, tenant_id=_TENANT)
)
_NOT_ENDED = (
    SignInSession.person_id == bindparam("person_id", type_=Uuid),
    SignInSession.ended_at.is_(None),
)
_LIST_ALIVE = NewestFirst(
    select(
        SignInSession.id,
        SignInSession.created_at,
        SignInSession.last_used_at,
        SignInSession.expires_at,
        SignInSession.client_ip,
        SignInSession.user_agent,
        SignInSession.last_client_ip,
        SignInSession.tenant_id,
        SignInSession.id == bindparam("current", type_=Uuid),
    ).where(
        *_NOT_ENDED,
        SignInSession.expires_at > _NOW,
        SignInSession.last_used_at > bindparam("used_since", type_=DateTime(timezone=True)),
    ),
    SessionRead,
    created=SignInSession.created_at,
    identity=SignInSession.id,
)
_END: Statement[Any] = Statement(
    update(SignInSession)
    .where(*_NOT_ENDED, SignInSession.id == _SESSION)
    .values(ended_at=_NOW, ended_reason=bindparam("reason", type_=Text))
)
# In one order, so that two who do this at once do not wait for each other.
_LOCKED = (
    select(SignInSession.id)
    .where(*_NOT_ENDED, SignInSession.id.is_distinct_from(bindparam("keep", type_=Uuid)))
    .where(SignInSession.expires_at > bindparam("alive_at", type_=DateTime(timezone=True)))
    .order_by(SignInSession.id)
    .with_for_update()
)
_END_ALL: Statement[UUID] = Statement(
    update(SignInSession)
    .where(SignInSession.id.in_(_LOCKED))
    .values(ended_at=_NOW, ended_reason=bindparam("reason", type_=Text))
    .returning(SignInSession.id),
    lambda identity: identity,
)
_USED_SINCE = (
    SignInSession.person_id == bindparam("person_id", type_=Uuid),
    SignInSession.last_used_at >= bindparam("since", type_=DateTime(timezone=True)),
)
_LIST_ADDRESSES = Statement(
    union(
        *(
            select(column).where(*_USED_SINCE, column.is_not(None))
            for column in (SignInSession.client_ip, SignInSession.last_client_ip)
        )
    ),
    str,
)
_GET_ENDED = Statement(
    select(SignInSession.person_id, SignInSession.auth_time, SignInSession.ended_at).where(
        SignInSession.id == _SESSION, SignInSession.ended_at.is_not(None)
    ),
    EndedSession,
)
# Each branch has an index of its own.
_OVER = or_(SignInSession.ended_at < _BEFORE, SignInSession.expires_at < _BEFORE)
_TOKENS = select(RefreshToken.session_id).where(RefreshToken.session_id == SignInSession.id)
_DELETE_OLD: Statement[Any] = Statement(
    delete(SignInSession).where(
        SignInSession.id.in_(
            select(SignInSession.id)
            .where(_OVER, ~exists(_TOKENS))
            .limit(bindparam("limit", type_=Integer))
        )
    )
)


async def get_session(tx: Tx, session_id: UUID) -> SessionRow | None:
    """A session, ended or not."""
    return await tx.one(_GET, session_id=session_id)


async def lock_session(tx: Tx, session_id: UUID) -> SessionRow | None:
    """A session, whose tokens nobody else turns until the transaction ends."""
    return await tx.one(_LOCK, session_id=session_id)


async def insert_session(tx: Tx, **values: Any) -> SessionRow | None:
    """`session_id`, `person`, `client_id`, `amr`, `tenant`, `now` and `expires_at`.

    Where it begins is where the caller of `tx` is.
    """
    caller = tx.caller
    return await tx.one(
        _INSERT,
        client_ip=caller.client_ip or None,
        user_agent=caller.user_agent or None,
        **values,
    )


async def touch_session(tx: Tx, session_id: UUID, tenant_id: UUID | None, now: datetime) -> None:
    """Note that a session was used by the caller of `tx`, and for which organization."""
    client_ip = tx.caller.client_ip or None
    await tx.execute(_TOUCH, session_id=session_id, client_ip=client_ip, tenant=tenant_id, now=now)


async def end_session(
    tx: Tx, session_id: UUID, reason: EndReason, *, person_id: UUID, now: datetime
) -> bool:
    """Whether this ended a session of that person, rather than somebody before."""
    ended = await tx.execute(
        _END, session_id=session_id, reason=reason.value, person_id=person_id, now=now
    )
    return ended > 0


async def list_alive(
    tx: Tx,
    page: PageRequest,
    *,
    person_id: UUID,
    current: UUID | None,
    now: datetime,
    used_since: datetime,
) -> Listing[SessionRead]:
    """The sessions of a person that have neither ended nor expired, the newest first."""
    return await _LIST_ALIVE.page(
        tx, page, person_id=person_id, current=current, now=now, used_since=used_since
    )


async def end_all(
    tx: Tx,
    reason: EndReason,
    *,
    person_id: UUID,
    keep: UUID | None,
    alive_at: datetime,
    now: datetime,
) -> list[UUID]:
    """End every session of a person that was alive at `alive_at`, but `keep`; which they were."""
    return await tx.rows(
        _END_ALL,
        reason=reason.value,
        person_id=person_id,
        keep=keep,
        alive_at=alive_at,
        now=now,
    )


async def get_ended(tx: ServiceTx, session_id: UUID) -> EndedSession | None:
    """A session that has ended before its time."""
    return await tx.one(_GET_ENDED, session_id=session_id)


async def delete_old(tx: ServiceTx, before: datetime, limit: int) -> int:
    """Delete at most `limit` sessions without tokens that were over before an instant; how many."""
    return await tx.execute(_DELETE_OLD, before=before, limit=limit)


async def list_addresses(tx: Tx, person_id: UUID, since: datetime) -> list[str]:
    """Each client address from which a person signed in, or was still signed in, since then."""
    return await tx.rows(_LIST_ADDRESSES, person_id=person_id, since=since)
