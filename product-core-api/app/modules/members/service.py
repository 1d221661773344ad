"""The rules of members: the identity service's last word counts, in whatever order words come."""

from uuid import UUID

from app.modules.members import repository
from app.modules.members.schemas import MemberRead, MemberReceive
from app.modules.organizations import service as organizations
from shared_lib.clock import utc_now
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx


async def receive_member(
    tx: ServiceTx, tenant_id: UUID, person_id: UUID, told: MemberReceive
) -> None:
    """Take note of a membership; of several versions the highest stays.

    Raises OrganizationNotFound, which the sender repeats: the organization's own fact may be under
    way.
    """
    await organizations.require_organization(tx, tenant_id)
    await repository.keep(tx, tenant_id, person_id, told, utc_now())


async def list_active_owners(tx: ServiceTx, tenant_id: UUID) -> list[MemberRead]:
    """Who is told of what happens to the organization."""
    return await repository.list_active_owners(tx, tenant_id)


async def get_active_owner(tx: TenantTx, person_id: UUID) -> MemberRead | None:
    """An owner of the organization; None for somebody who is none (any more)."""
    return await repository.get_active_owner(tx, person_id)


async def count_active(tx: PlatformTx) -> int:
    """How many memberships are active, of all organizations; who is in two counts twice."""
    return await repository.count_active(tx) or 0
