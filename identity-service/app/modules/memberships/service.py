"""The rules of memberships."""

from collections.abc import Sequence
from uuid import UUID

from app.modules.memberships import repository
from app.modules.memberships.schemas import MembershipRead
from shared_lib.tenancy import Tx

__all__ = ["default_membership", "find_membership", "list_memberships"]


async def list_memberships(tx: Tx, person_id: UUID) -> list[MembershipRead]:
    """The active memberships of the person whom `tx` is for, the oldest first."""
    return await repository.list_memberships(tx, person_id)


async def find_membership(tx: Tx, person_id: UUID, tenant_id: UUID) -> MembershipRead | None:
    """One active membership of the person whom `tx` is for."""
    return _in_tenant(await list_memberships(tx, person_id), tenant_id)


def default_membership(
    memberships: Sequence[MembershipRead], last_tenant_id: UUID | None
) -> MembershipRead | None:
    """Where a sign-in that names no organization leads: the one used last, else the oldest."""
    return _in_tenant(memberships, last_tenant_id) or next(iter(memberships), None)


def _in_tenant(
    memberships: Sequence[MembershipRead], tenant_id: UUID | None
) -> MembershipRead | None:
    """The one in an organization."""
    return next((each for each in memberships if each.tenant_id == tenant_id), None)
