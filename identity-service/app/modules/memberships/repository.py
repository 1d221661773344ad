"""All SQL about memberships."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select

from app.modules.memberships.models import Membership, Tenant
from app.modules.memberships.schemas import MembershipRead
from shared_lib.tables import Statement
from shared_lib.tenancy import Tx

_LIST = Statement(
    select(Membership.tenant_id, Tenant.slug, Tenant.name, Membership.role)
    .join(Tenant, Tenant.id == Membership.tenant_id)
    .where(Membership.person_id == bindparam("person_id", type_=Uuid))
    .where(Membership.active, Tenant.status != "purged")
    .order_by(Membership.created_at, Membership.tenant_id),
    MembershipRead,
)

_COUNT_TENANT: Statement[int] = Statement(
    select(func.count()).where(
        Tenant.id == bindparam("tenant", type_=Uuid), Tenant.status != "purged"
    ),
    int,
)


async def is_tenant_known(tx: Tx, tenant_id: UUID) -> bool:
    """Whether there is such an organization, in whatever state."""
    found = await tx.one(_COUNT_TENANT, tenant=tenant_id)
    return bool(found)


async def list_memberships(tx: Tx, person_id: UUID) -> list[MembershipRead]:
    """The active memberships of the person whom `tx` is for, the oldest first."""
    return await tx.rows(_LIST, person_id=person_id)
