"""The rules of memberships: who manages whom, and who is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.jobs import queue
from app.modules.memberships import repository
from app.modules.memberships.domain import MANAGERS, next_not_before, reaches
from app.modules.memberships.schemas import (
    LockedMember,
    MemberFact,
    MemberRead,
    MembershipRead,
    MembershipStanding,
    MemberUpdate,
)
from app.modules.revocations import service as revocations
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, TokenRevoked
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx, Tx
from shared_lib.web import Listing, PageRequest

__all__ = [
    "TELL",
    "TELL_PERSON",
    "LastOwner",
    "MemberNotActive",
    "MemberNotFound",
    "RoleNotAllowed",
    "change_role",
    "default_membership",
    "find_member",
    "get_fact",
    "hold_standings",
    "joined",
    "leave",
    "list_members",
    "list_memberships",
    "make_owner",
    "own_role",
    "person_changed",
    "refuse_role_above",
    "remove_member",
    "solely_owned",
    "tell_organizations",
]

TELL = "tell_member"
"""The kind of the job that tells the core of one membership."""
TELL_PERSON = "tell_person"
"""The kind of the job that tells the core of all memberships of a person who changed."""


class MemberNotFound(ApiError):
    """The organization has no such member."""

    code = "member_not_found"
    status = 404
    title = "There is no such member"


class LastOwner(ApiError):
    """An organization without an owner who can sign in is nobody's."""

    code = "last_owner"
    status = 409
    title = "An organization keeps at least one owner"


class MemberNotActive(ApiError):
    """Whose account is closed gets no higher role: nobody would be there to have it."""

    code = "member_not_active"
    status = 409
    title = "The account of this member is closed"


class RoleNotAllowed(ApiError):
    """Nobody gives, takes or changes a role above his own."""

    code = "role_not_allowed"
    status = 403
    title = "Your own role does not reach that far"


@dataclass(frozen=True, slots=True)
class _Locked:
    """Who changes whom, and how many who can sign in are owners besides him who is changed."""

    caller: LockedMember
    member: LockedMember
    other_owners: int


async def list_memberships(tx: Tx, person_id: UUID) -> list[MembershipRead]:
    """The active memberships of the person whom `tx` is for, the oldest first."""
    return await repository.list_memberships(tx, person_id)


async def hold_standings(tx: Tx, person_id: UUID) -> list[MembershipStanding]:
    """What decides about the person's tokens for his organizations, until the transaction ends."""
    return await repository.hold_standings(tx, person_id)


def default_membership(
    memberships: Sequence[MembershipStanding], last_tenant_id: UUID | None
) -> MembershipStanding | None:
    """Where a sign-in that names no organization leads: the one used last, else the oldest."""
    last = (each for each in memberships if each.tenant_id == last_tenant_id)
    return next(last, None) or next(iter(memberships), None)


async def list_members(tx: TenantTx, page: PageRequest) -> Listing[MemberRead]:
    """The members of the caller's organization; addresses are for who manages them (T7, T29)."""
    rows = await repository.list_members(tx, page)
    profiles = await repository.profiles_of(tx, [row.id for row in rows.results])
    address = own_role(tx) in MANAGERS
    members = [MemberRead.of(row, profiles[row.id], address=address) for row in rows.results]
    return Listing.model_construct(results=members, paging=rows.paging)


async def find_member(tx: TenantTx, email: str) -> UUID | None:
    """Which member of the caller's organization has this address, if any."""
    return await repository.find_member(tx, email)


async def change_role(tx: TenantTx, person_id: UUID, update: MemberUpdate) -> MemberRead:
    """Give a member another role, from his next token on; those that he has are dead.

    Raises MemberNotFound, RoleNotAllowed, MemberNotActive or LastOwner.
    """
    locked = await _lock(tx, person_id)
    if update.role != locked.member.role:
        refuse_role_above(locked.caller.role, locked.member.role, update.role)
        await _change(tx, locked, "members.update", role=update.role)
    row = await repository.get_member(tx, person_id)
    if row is None:
        raise MemberNotFound
    profiles = await repository.profiles_of(tx, [person_id])
    return MemberRead.of(row, profiles[person_id], address=True)


async def remove_member(tx: TenantTx, person_id: UUID) -> None:
    """End a membership. Raises MemberNotFound, RoleNotAllowed or LastOwner."""
    locked = await _lock(tx, person_id)
    refuse_role_above(locked.caller.role, locked.member.role)
    await _change(tx, locked, "members.remove", role=None)


async def leave(tx: TenantTx) -> UUID:
    """End the caller's own membership; who he is. Raises LastOwner."""
    locked = await _lock(tx, _caller_id(tx))
    await _change(tx, locked, "members.leave", role=None)
    return locked.member.person_id


async def solely_owned(tx: PlatformTx, person_id: UUID) -> list[UUID]:
    """The organizations that would be nobody's without the person."""
    return await repository.solely_owned(tx, person_id)


def own_role(tx: TenantTx) -> str:
    """The caller's role; admission has found that he still has it."""
    token = tx.caller.token
    if token is None or token.role is None:
        raise TokenRevoked
    return token.role


def refuse_role_above(own: str, *roles: str) -> None:
    """Raise RoleNotAllowed unless `own` reaches each of `roles`."""
    if not all(reaches(own, role) for role in roles):
        raise RoleNotAllowed


async def joined(tx: Tx, tenant_id: UUID, person_id: UUID, role: str) -> None:
    """Tell of somebody who has become a member."""
    changes = {"role": [None, role]}
    event = AuditEvent("members.create", str(person_id), changes=changes, person_id=person_id)
    await tx.record(event, tenant_id=tenant_id)
    await _tell(tx, tenant_id, person_id)


async def make_owner(tx: ServiceTx, tenant_id: UUID, person_id: UUID) -> None:
    """Make the founder of an organization that is new its owner."""
    await repository.insert_owner(tx, tenant_id, person_id, utc_now())
    await joined(tx, tenant_id, person_id, "owner")


async def person_changed(tx: Tx, person_id: UUID) -> None:
    """A person's name, address or activity changed: tell the core, once `tx` has committed."""
    await queue.enqueue(tx, TELL_PERSON, person_id=str(person_id))


async def tell_organizations(tx: ServiceTx, person_id: UUID) -> None:
    """Count a change of the person in each of his memberships, and tell the core of each."""
    for tenant_id in await repository.count_change(tx, person_id, utc_now()):
        await _tell(tx, tenant_id, person_id)


async def get_fact(tx: TenantTx, person_id: UUID) -> MemberFact | None:
    """What there is to tell the core about a person in an organization, as it is now."""
    return await repository.get_fact(tx, person_id)


async def _lock(tx: TenantTx, person_id: UUID) -> _Locked:
    """Who is to be changed, by whom. Raises MemberNotFound.

    Raises TokenRevoked for a caller whose role was taken since admission: two owners who remove
    each other leave one.
    """
    caller_id = _caller_id(tx)
    owners = await repository.hold_active_owners(tx)
    rows = {row.person_id: row for row in await repository.lock_members(tx, person_id, caller_id)}
    caller, member = rows.get(caller_id), rows.get(person_id)
    if caller is None or caller.role != own_role(tx):
        raise TokenRevoked
    if member is None:
        raise MemberNotFound
    others = sum(
        row.role == "owner" and row.person_id in owners
        for row in rows.values()
        if row is not member
    )
    return _Locked(caller, member, others)


async def _change(tx: TenantTx, locked: _Locked, action: str, *, role: str | None) -> None:
    """Set a member's role, or end his membership, and tell everybody who must know."""
    before = locked.member
    if before.role == "owner" and not locked.other_owners:
        raise LastOwner
    # After the lock: whoever was given a token meanwhile held the row until then.
    profile = (await repository.profiles_of(tx, [before.person_id]))[before.person_id]
    if role is not None and not profile.active and not reaches(before.role, role):
        raise MemberNotActive
    now = utc_now()
    not_before = next_not_before(now, before.tokens_not_before, profile.tokens_not_before)
    await repository.change_member(
        tx,
        before.person_id,
        role=role or before.role,
        active=role is not None,
        not_before=not_before,
        now=now,
    )
    event = AuditEvent(
        action, resource_id=str(before.person_id), changes={"role": [before.role, role]}
    )
    await tx.record(event, tenant_id=tx.tenant_id)
    await revocations.revoke_membership(tx, tx.tenant_id, before.person_id, not_before)
    await _tell(tx, tx.tenant_id, before.person_id)


async def _tell(tx: Tx, tenant_id: UUID, person_id: UUID) -> None:
    await queue.enqueue(tx, TELL, tenant_id=tenant_id, person_id=str(person_id))


def _caller_id(tx: TenantTx) -> UUID:
    token = tx.caller.token
    if token is None:
        raise TokenRevoked
    return token.sub
