"""The rules of memberships."""

from collections.abc import Sequence
from uuid import UUID

from app.modules.memberships import repository
from app.modules.memberships.schemas import MembershipRead
from shared_lib.tenancy import Tx

__all__ = ["default_membership", "is_tenant_known", "list_memberships"]


async def is_tenant_known(tx: Tx, tenant_id: UUID) -> bool:
    """Whether there is such an organization, in whatever state; not one that was purged."""
    return await repository.is_tenant_known(tx, tenant_id)


async def list_memberships(tx: Tx, person_id: UUID) -> list[MembershipRead]:
    """The active memberships of the person whom `tx` is for, the oldest first."""
    return await repository.list_memberships(tx, person_id)


def default_membership(
    memberships: Sequence[MembershipRead], last_tenant_id: UUID | None
) -> MembershipRead | None:
    """Where a sign-in that names no organization leads: the one used last, else the oldest."""
    last = (each for each in memberships if each.tenant_id == last_tenant_id)
    return next(last, None) or next(iter(memberships), None)
