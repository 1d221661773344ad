"""All SQL about invitations."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    DateTime,
    Text,
    Uuid,
    all_,
    and_,
    bindparam,
    column,
    func,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.modules.invitations.models import OPEN, Invitation
from app.modules.invitations.schemas import (
    FoundInvitation,
    InvitationRead,
    Outgoing,
    OwnerInvitation,
    RevokedInvitation,
)
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, PlatformTx, ServiceTx, TenantTx, Tx
from shared_lib.web import Listing, PageRequest

_INSTANT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_INSTANT)
_TENANT = bindparam("tenant_id", type_=Uuid)
_ID = bindparam("id", type_=Uuid)
_EMAIL = bindparam("email", type_=Text)
_NOT_ENDED = and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
_OURS = Invitation.tenant_id == _TENANT

_COLUMNS = (
    Invitation.id,
    Invitation.email,
    Invitation.role,
    Invitation.invited_by,
    Invitation.created_at,
    Invitation.expires_at,
)
_OPEN = select(*_COLUMNS).where(_OURS, _NOT_ENDED, Invitation.expires_at > _NOW)
_PAGES = NewestFirst(_OPEN, InvitationRead, created=Invitation.created_at, identity=Invitation.id)
_LOCK = Statement(_OPEN.where(Invitation.id == _ID).with_for_update(), InvitationRead)
_INVITER = func.member_profile(Invitation.invited_by).table_valued(
    column("email", Text),
    column("name", Text),
    column("active", Boolean),
    column("tokens_not_before", _INSTANT),
    name="inviter",
)
_GET_OUTGOING = Statement(
    select(Invitation.email, Invitation.role, _INVITER.c.name, Invitation.expires_at)
    .outerjoin(_INVITER, true())
    .where(_OURS, _NOT_ENDED, Invitation.expires_at > _NOW, Invitation.id == _ID),
    Outgoing,
)
_INSERT_VALUES = insert(Invitation).values(
    tenant_id=_TENANT,
    id=_ID,
    email=_EMAIL,
    role=bindparam("role", type_=Text),
    invited_by=bindparam("invited_by", type_=Uuid),
    created_at=_NOW,
    expires_at=bindparam("expires_at", type_=_INSTANT),
)
_INSERT = Statement(
    _INSERT_VALUES.on_conflict_do_nothing(
        index_elements=[Invitation.tenant_id, Invitation.email_normalized],
        index_where=text(OPEN),
    ).returning(*_COLUMNS),
    InvitationRead,
)
_INSERT_FIRST: Statement[Any] = Statement(_INSERT_VALUES)
_END_EXPIRED: Statement[Any] = Statement(
    update(Invitation)
    .where(_OURS, _NOT_ENDED, Invitation.expires_at <= _NOW)
    .where(Invitation.email_normalized == func.lower(_EMAIL))
    .values(revoked_at=_NOW)
)
_REVOKE: Statement[Any] = Statement(
    update(Invitation).where(_OURS, Invitation.id == _ID).values(revoked_at=_NOW)
)
_REVOKE_THOSE_OF = Statement(
    update(Invitation)
    .where(_OURS, _NOT_ENDED, Invitation.invited_by == bindparam("inviter", type_=Uuid))
    .where(Invitation.role != all_(bindparam("roles", type_=ARRAY(Text))))
    .values(revoked_at=_NOW)
    .returning(Invitation.id, Invitation.role),
    RevokedInvitation,
)
_INVITED_OWNER = func.invite_owner(_TENANT, _ID, _EMAIL).table_valued(
    column("outcome", Text),
    column("revoked", ARRAY(Uuid)),
    column("invited_at", _INSTANT),
    column("invited_until", _INSTANT),
    name="invited",
)
_INVITE_OWNER = Statement(select(*_INVITED_OWNER.c), OwnerInvitation)
# See the functions in the migrations: they are all that role auth has of invitations.
_FOUND = func.find_invitation(_ID).table_valued(
    column("id", Uuid),
    column("tenant_id", Uuid),
    column("slug", Text),
    column("organization", Text),
    column("status", Text),
    column("email", Text),
    column("role", Text),
    column("expires_at", _INSTANT),
    column("accepted_at", _INSTANT),
    column("revoked_at", _INSTANT),
    name="found",
)
_FIND = Statement(select(*_FOUND.c), FoundInvitation)
_ACCEPT: Statement[bool] = Statement(select(func.accept_invitation(_ID, type_=Boolean)), bool)


async def list_open(tx: TenantTx, page: PageRequest, now: datetime) -> Listing[InvitationRead]:
    """One page of the organization's open invitations, newest first."""
    return await _PAGES.page(tx, page, now=now)


async def lock_open(tx: TenantTx, invitation_id: UUID, now: datetime) -> InvitationRead | None:
    """An open invitation of the organization, which nobody else changes or accepts meanwhile."""
    return await tx.one(_LOCK, id=invitation_id, now=now)


async def get_outgoing(tx: TenantTx, invitation_id: UUID, now: datetime) -> Outgoing | None:
    """An open invitation of the organization, as its mail tells of it."""
    return await tx.one(_GET_OUTGOING, id=invitation_id, now=now)


async def end_expired(tx: TenantTx, email: str, now: datetime) -> None:
    """Let an invitation that expired make room for the next one of the same address."""
    await tx.execute(_END_EXPIRED, email=email, now=now)


async def insert_invitation(
    tx: TenantTx,
    invitation_id: UUID,
    *,
    email: str,
    role: str,
    invited_by: UUID,
    now: datetime,
    expires_at: datetime,
) -> InvitationRead | None:
    """A new invitation; None where the address has an open one."""
    return await tx.one(
        _INSERT,
        id=invitation_id,
        email=email,
        role=role,
        invited_by=invited_by,
        now=now,
        expires_at=expires_at,
    )


async def insert_first(
    tx: ServiceTx,
    tenant_id: UUID,
    invitation_id: UUID,
    *,
    email: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """The invitation of the first owner of an organization that is new."""
    await tx.execute(
        _INSERT_FIRST,
        tenant_id=tenant_id,
        id=invitation_id,
        email=email,
        role="owner",
        invited_by=None,
        now=now,
        expires_at=expires_at,
    )


async def invite_owner(
    tx: PlatformTx, tenant_id: UUID, invitation_id: UUID, email: str
) -> OwnerInvitation:
    """Invite an owner where there is none, in place of whoever was invited so before."""
    (invited,) = await tx.rows(_INVITE_OWNER, tenant_id=tenant_id, id=invitation_id, email=email)
    return invited


async def revoke(tx: TenantTx, invitation_id: UUID, now: datetime) -> None:
    """End an open invitation."""
    await tx.execute(_REVOKE, id=invitation_id, now=now)


async def revoke_those_of(
    tx: TenantTx, inviter_id: UUID, *, but_for: Collection[str], now: datetime
) -> list[RevokedInvitation]:
    """End all open invitations that the person made, but for those with one of these roles."""
    return await tx.rows(_REVOKE_THOSE_OF, inviter=inviter_id, roles=list(but_for), now=now)


async def find_invitation(tx: Tx, invitation_id: UUID) -> FoundInvitation | None:
    """The invitation of a link, of whatever organization and whatever has become of it."""
    return await tx.one(_FIND, id=invitation_id)


async def accept(tx: Tx, invitation_id: UUID) -> bool:
    """Whether the person whom `tx` is for has become a member by this invitation, just now."""
    return await tx.one(_ACCEPT, id=invitation_id) is True
