"""All SQL about memberships."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    DateTime,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.modules.memberships.models import Membership
from app.modules.memberships.schemas import (
    LockedMember,
    MemberFact,
    MemberProfile,
    MemberRow,
    MembershipRead,
    MembershipStanding,
)
from app.modules.tenants.models import Tenant
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, PlatformTx, ServiceTx, TenantTx, Tx
from shared_lib.web import Listing, PageRequest

_NOW = bindparam("now", type_=DateTime(timezone=True))
_TENANT = bindparam("tenant_id", type_=Uuid)
_PERSON = bindparam("person_id", type_=Uuid)
_THIS = and_(Membership.tenant_id == _TENANT, Membership.person_id == _PERSON)
_OF_PERSON = (
    # T33: an organization that is gone is nobody's.
    select(Membership.tenant_id)
    .join(Tenant, Tenant.id == Membership.tenant_id)
    .where(Membership.person_id == _PERSON)
    .where(Membership.active, Tenant.status != "purged")
    .order_by(Membership.created_at, Membership.tenant_id)
)
_LIST = Statement(_OF_PERSON.add_columns(Tenant.slug, Tenant.name, Membership.role), MembershipRead)
# Held, so that a role that is being taken away is in no token that outlives the change.
_HOLD_STANDINGS = Statement(
    _OF_PERSON.add_columns(Membership.role, Membership.tokens_not_before).with_for_update(
        read=True, of=Membership
    ),
    MembershipStanding,
)

# What an organization sees of its people; see the function in the migrations.
_PROFILE = func.member_profile(Membership.person_id).table_valued(
    column("email", Text),
    column("name", Text),
    column("active", Boolean),
    column("tokens_not_before", DateTime(timezone=True)),
    name="profile",
)


def _only(value: UUID | None) -> UUID | None:
    return value


# A page is found first: the function would be called for all that are counted or skipped, too.
_PAGES = NewestFirst(
    select(Membership.person_id, Membership.role, Membership.created_at).where(
        Membership.tenant_id == _TENANT, Membership.active
    ),
    MemberRow,
    created=Membership.created_at,
    identity=Membership.person_id,
)
_PROFILES = Statement(
    select(Membership.person_id, *_PROFILE.c)
    .join(_PROFILE, true())
    .where(Membership.tenant_id == _TENANT)
    .where(Membership.person_id == any_(bindparam("person_ids", type_=ARRAY(Uuid)))),
    MemberProfile,
)
_GET = Statement(
    select(Membership.person_id, Membership.role, Membership.created_at).where(
        _THIS, Membership.active
    ),
    MemberRow,
)
_FIND = Statement(select(func.find_member(bindparam("email", type_=Text), type_=Uuid)), _only)
_HOLD_ACTIVE_OWNERS: Statement[UUID] = Statement(
    select(func.hold_active_owners(type_=Uuid)), lambda identity: identity
)
_SOLELY_OWNED: Statement[UUID] = Statement(
    select(func.solely_owned(_PERSON, type_=Uuid)), lambda identity: identity
)
# In one order, lest two who change each other's rows wait for each other.
_LOCK = Statement(
    select(Membership.person_id, Membership.role, Membership.tokens_not_before)
    .where(Membership.tenant_id == _TENANT, Membership.active)
    .where(
        or_(
            Membership.role == "owner",
            Membership.person_id == _PERSON,
            Membership.person_id == bindparam("caller_id", type_=Uuid),
        )
    )
    .order_by(Membership.person_id)
    .with_for_update(),
    LockedMember,
)
_CHANGE: Statement[Any] = Statement(
    update(Membership)
    .where(_THIS)
    .values(
        role=bindparam("role", type_=Text),
        active=bindparam("active", type_=Boolean),
        tokens_not_before=bindparam("not_before", type_=DateTime(timezone=True)),
        version=Membership.version + 1,
        updated_at=_NOW,
    )
)
_GET_FACT = Statement(
    select(
        _PROFILE.c.name,
        _PROFILE.c.email,
        Membership.role,
        and_(Membership.active, _PROFILE.c.active),
        Membership.version,
    )
    .join(_PROFILE, true())
    .where(_THIS),
    MemberFact,
)
# Of those who left, an organization hears no more. Locked in the order in which grants hold them.
_ACTIVE_OF_PERSON = (
    select(Membership.tenant_id)
    .where(Membership.person_id == _PERSON, Membership.active)
    .order_by(Membership.created_at, Membership.tenant_id)
    .with_for_update()
    .cte("active")
)
_COUNT_CHANGE = Statement(
    update(Membership)
    .where(Membership.person_id == _PERSON)
    .where(Membership.tenant_id == _ACTIVE_OF_PERSON.c.tenant_id)
    .values(version=Membership.version + 1, updated_at=_NOW)
    .returning(Membership.tenant_id),
    _only,
)
_INSERT_OWNER: Statement[Any] = Statement(
    insert(Membership)
    .values(tenant_id=_TENANT, person_id=_PERSON, role="owner", created_at=_NOW, updated_at=_NOW)
    .on_conflict_do_nothing()
)


async def list_memberships(tx: Tx, person_id: UUID) -> list[MembershipRead]:
    """The active memberships of the person whom `tx` is for, the oldest first."""
    return await tx.rows(_LIST, person_id=person_id)


async def hold_standings(tx: Tx, person_id: UUID) -> list[MembershipStanding]:
    """The same, which nobody changes until the transaction ends."""
    return await tx.rows(_HOLD_STANDINGS, person_id=person_id)


async def list_members(tx: TenantTx, page: PageRequest) -> Listing[MemberRow]:
    """One page of the organization's members, newest first."""
    return await _PAGES.page(tx, page)


async def get_member(tx: TenantTx, person_id: UUID) -> MemberRow | None:
    """A member of the organization."""
    return await tx.one(_GET, person_id=person_id)


async def profiles_of(tx: TenantTx, person_ids: Sequence[UUID]) -> dict[UUID, MemberProfile]:
    """Who these are, of those who belong or belonged to the organization."""
    profiles = await tx.rows(_PROFILES, person_ids=person_ids)
    return {profile.person_id: profile for profile in profiles}


async def find_member(tx: TenantTx, email: str) -> UUID | None:
    """Which member of the organization has this address, however it is spelled."""
    return await tx.one(_FIND, email=email)


async def hold_active_owners(tx: TenantTx) -> set[UUID]:
    """The organization's owners who can sign in, whom nobody shuts out until the transaction ends.

    To be called before anything else is locked.
    """
    return set(await tx.rows(_HOLD_ACTIVE_OWNERS))


async def solely_owned(tx: PlatformTx, person_id: UUID) -> list[UUID]:
    """The organizations that the person owns and nobody else who can sign in."""
    return await tx.rows(_SOLELY_OWNED, person_id=person_id)


async def lock_members(tx: TenantTx, person_id: UUID, caller_id: UUID) -> list[LockedMember]:
    """These two, and every owner, as they are when nobody else changes them any more."""
    return await tx.rows(_LOCK, person_id=person_id, caller_id=caller_id)


async def change_member(
    tx: TenantTx, person_id: UUID, *, role: str, active: bool, not_before: datetime, now: datetime
) -> None:
    """Set role and activity, and until when tokens are dead."""
    await tx.execute(
        _CHANGE, person_id=person_id, role=role, active=active, not_before=not_before, now=now
    )


async def get_fact(tx: TenantTx, person_id: UUID) -> MemberFact | None:
    """What there is to say about a person in the organization, whether he is still in it or not."""
    return await tx.one(_GET_FACT, person_id=person_id)


async def count_change(tx: ServiceTx, person_id: UUID, now: datetime) -> list[UUID]:
    """Count a change of the person in each of his memberships; the organizations."""
    tenants = await tx.rows(_COUNT_CHANGE, person_id=person_id, now=now)
    return [tenant for tenant in tenants if tenant is not None]


async def insert_owner(tx: ServiceTx, tenant_id: UUID, person_id: UUID, now: datetime) -> None:
    """Make a person the owner of an organization that is new."""
    await tx.execute(_INSERT_OWNER, tenant_id=tenant_id, person_id=person_id, now=now)
