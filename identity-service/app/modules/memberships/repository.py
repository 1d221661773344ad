"""All SQL about memberships."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, select

from app.modules.memberships.models import Membership
from app.modules.memberships.schemas import MembershipRead, MembershipStanding
from app.modules.tenants.models import Tenant
from shared_lib.tables import Statement
from shared_lib.tenancy import Tx

_OF_PERSON = (
    # T33: an organization that is gone is nobody's.
    select(Membership.tenant_id)
    .join(Tenant, Tenant.id == Membership.tenant_id)
    .where(Membership.person_id == bindparam("person_id", type_=Uuid))
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


async def list_memberships(tx: Tx, person_id: UUID) -> list[MembershipRead]:
    """The active memberships of the person whom `tx` is for, the oldest first."""
    return await tx.rows(_LIST, person_id=person_id)


async def hold_standings(tx: Tx, person_id: UUID) -> list[MembershipStanding]:
    """The same, which nobody changes until the transaction ends."""
    return await tx.rows(_HOLD_STANDINGS, person_id=person_id)
