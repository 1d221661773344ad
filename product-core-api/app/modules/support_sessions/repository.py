"""All SQL about support sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Text, Uuid, bindparam, func, insert, or_, select, update

from app.modules.support_sessions.models import SupportSession
from app.modules.support_sessions.schemas import SupportSessionRead
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, PlatformTx, ServiceTx, TenantTx
from shared_lib.web import Listing, PageRequest

_COLUMNS = (
    SupportSession.id,
    SupportSession.tenant_id,
    SupportSession.agent_id,
    SupportSession.member_id,
    SupportSession.role,
    SupportSession.mode,
    SupportSession.reason,
    SupportSession.ticket,
    SupportSession.started_at,
    SupportSession.expires_at,
    SupportSession.ended_at,
    SupportSession.ended_by,
)
_OURS = SupportSession.tenant_id == bindparam("tenant_id", type_=Uuid)
_THIS = SupportSession.id == bindparam("session_id", type_=Uuid)
_AGENTS = SupportSession.agent_id == bindparam("agent_id", type_=Uuid)
_LIVE = (SupportSession.ended_at.is_(None), SupportSession.expires_at > func.now())
_END = (
    update(SupportSession)
    .where(*_LIVE)
    .values(ended_at=func.now(), ended_by=bindparam("ended_by", type_=Uuid))
)


def _newest(*conditions: Any) -> NewestFirst[SupportSessionRead]:
    return NewestFirst(
        select(*_COLUMNS).where(*conditions),
        SupportSessionRead,
        created=SupportSession.started_at,
        identity=SupportSession.id,
    )


_EXPIRED = (
    select(SupportSession.tenant_id, SupportSession.id)
    .where(SupportSession.ended_at.is_(None), SupportSession.expires_at <= func.now())
    .with_for_update(skip_locked=True)
    .cte("expired")
)
_GET_OF_TENANT = Statement(select(*_COLUMNS).where(_OURS, _THIS), SupportSessionRead)
_LIST_OF_TENANT = _newest(_OURS)
_LIST_LIVE = _newest(*_LIVE)
_LIST_LIVE_OF_AGENT = _newest(*_LIVE, _AGENTS)
_COUNT_LIVE: Statement[int] = Statement(
    select(func.count()).select_from(SupportSession).where(*_LIVE), int
)
_INSERT: Statement[Any] = Statement(
    insert(SupportSession).values(
        {
            column.name: bindparam(column.name, type_=column.type)
            for column in SupportSession.__table__.c
            if column.name not in ("ended_at", "ended_by")
        }
    )
)
_END_OF_TENANT = Statement(_END.where(_OURS, _THIS).returning(*_COLUMNS), SupportSessionRead)
_END_DISALLOWED = Statement(
    _END.where(
        _OURS, SupportSession.mode == func.any(bindparam("modes", type_=ARRAY(Text)))
    ).returning(*_COLUMNS),
    SupportSessionRead,
)
_END_ANY = Statement(_END.where(_THIS).returning(*_COLUMNS), SupportSessionRead)
_END_OF_AGENT = Statement(_END.where(_THIS, _AGENTS).returning(*_COLUMNS), SupportSessionRead)
_END_OF_REVOKED = Statement(
    _END.where(
        or_(
            SupportSession.agent_sid == bindparam("subject_id", type_=Uuid),
            SupportSession.agent_id == bindparam("subject_id", type_=Uuid),
            SupportSession.member_id == bindparam("subject_id", type_=Uuid),
        ),
        SupportSession.started_at <= bindparam("until", type_=DateTime(timezone=True)),
    ).returning(*_COLUMNS),
    SupportSessionRead,
)

_END_EXPIRED = Statement(
    update(SupportSession)
    .where(SupportSession.tenant_id == _EXPIRED.c.tenant_id, SupportSession.id == _EXPIRED.c.id)
    .values(ended_at=SupportSession.expires_at)
    .returning(*_COLUMNS),
    SupportSessionRead,
)


async def get_of_tenant(tx: TenantTx, session_id: UUID) -> SupportSessionRead | None:
    """A session of the organization, live or over."""
    return await tx.one(_GET_OF_TENANT, session_id=session_id)


async def list_of_tenant(tx: TenantTx, page: PageRequest) -> Listing[SupportSessionRead]:
    """One page of the organization's sessions, live or over, newest first."""
    return await _LIST_OF_TENANT.page(tx, page)


async def list_live(
    tx: PlatformTx, page: PageRequest, agent_id: UUID | None
) -> Listing[SupportSessionRead]:
    """One page of live sessions, of one agent or (None) of all."""
    if agent_id is None:
        return await _LIST_LIVE.page(tx, page)
    return await _LIST_LIVE_OF_AGENT.page(tx, page, agent_id=agent_id)


async def count_live(tx: PlatformTx) -> int | None:
    """How many sessions are live, of all organizations."""
    return await tx.one(_COUNT_LIVE)


async def insert_session(tx: PlatformTx, values: dict[str, Any]) -> None:
    """Insert all columns but those of the end."""
    await tx.execute(_INSERT, **values)


async def end_of_tenant(
    tx: TenantTx, session_id: UUID, ended_by: UUID | None
) -> SupportSessionRead | None:
    """End a live session of the caller's organization; None when there is none such."""
    return await tx.one(_END_OF_TENANT, session_id=session_id, ended_by=ended_by)


async def end_with_modes(
    tx: TenantTx, modes: Sequence[str], ended_by: UUID | None
) -> list[SupportSessionRead]:
    """End the organization's live sessions that have one of `modes`."""
    return await tx.rows(_END_DISALLOWED, modes=list(modes), ended_by=ended_by)


async def end_on_platform(
    tx: PlatformTx, session_id: UUID, ended_by: UUID, agent_id: UUID | None
) -> SupportSessionRead | None:
    """End a live session, of one agent or (None) of any; None when there is none such."""
    if agent_id is None:
        return await tx.one(_END_ANY, session_id=session_id, ended_by=ended_by)
    return await tx.one(_END_OF_AGENT, session_id=session_id, ended_by=ended_by, agent_id=agent_id)


async def end_of_revoked(
    tx: ServiceTx, subject_id: UUID, until: datetime, ended_by: UUID
) -> list[SupportSessionRead]:
    """End the live sessions that began until then and stood on a sign-in session or a person (the
    agent, or the member who was borrowed) that ended.
    """
    return await tx.rows(_END_OF_REVOKED, subject_id=subject_id, until=until, ended_by=ended_by)


async def end_expired(tx: ServiceTx) -> list[SupportSessionRead]:
    """End what has expired, at the instant at which it did; what others are ending is theirs."""
    return await tx.rows(_END_EXPIRED)
