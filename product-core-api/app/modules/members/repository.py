"""All SQL about members."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from app.modules.members.models import Member
from app.modules.members.schemas import MemberRead, MemberReceive
from shared_lib.tables import Statement
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx

_OURS = Member.tenant_id == bindparam("tenant_id", type_=Uuid)
_ACTIVE_OWNER = (_OURS, Member.role == "owner", Member.active)

_insert = insert(Member).values(
    {column.name: bindparam(column.name, type_=column.type) for column in Member.__table__.c}
)
_KEEP: Statement[Any] = Statement(
    _insert.on_conflict_do_update(
        index_elements=["tenant_id", "person_id"],
        set_={
            name: _insert.excluded[name]
            for name in ("name", "email", "role", "active", "version", "updated_at")
        },
        where=Member.version < _insert.excluded.version,
    )
)
_COLUMNS = (Member.person_id, Member.name, Member.email, Member.role)
_ACTIVE_OWNERS = Statement(
    select(*_COLUMNS).where(*_ACTIVE_OWNER).order_by(Member.person_id), MemberRead
)
_GET_ACTIVE_OWNER = Statement(
    select(*_COLUMNS).where(*_ACTIVE_OWNER, Member.person_id == bindparam("person_id", type_=Uuid)),
    MemberRead,
)

_COUNT_ACTIVE: Statement[int] = Statement(
    select(func.count()).select_from(Member).where(Member.active), int
)


async def keep(
    tx: ServiceTx, tenant_id: UUID, person_id: UUID, told: MemberReceive, now: datetime
) -> None:
    """Remember `told`, unless the same or something newer is known."""
    await tx.execute(
        _KEEP, tenant_id=tenant_id, person_id=person_id, updated_at=now, **told.model_dump()
    )


async def list_active_owners(tx: ServiceTx, tenant_id: UUID) -> list[MemberRead]:
    """The owners of an organization who may sign in."""
    return await tx.rows(_ACTIVE_OWNERS, tenant_id=tenant_id)


async def get_active_owner(tx: TenantTx, person_id: UUID) -> MemberRead | None:
    """One of the organization's owners, if the person is one now."""
    return await tx.one(_GET_ACTIVE_OWNER, person_id=person_id)


async def count_active(tx: PlatformTx) -> int | None:
    """How many memberships are active, of all organizations."""
    return await tx.one(_COUNT_ACTIVE)
