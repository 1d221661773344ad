"""The rules of memberships."""

from collections.abc import Sequence
from uuid import UUID

from app.modules.memberships import repository
from app.modules.memberships.schemas import MembershipRead, MembershipStanding
from shared_lib.tenancy import Tx

__all__ = ["default_membership", "hold_standings", "list_memberships"]


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


async def person_changed(tx: Tx, person_id: UUID) -> None:
    """STUB until the members part has it."""
