"""How members are managed: what changes with them, beyond the membership itself."""

from uuid import UUID

from app.modules.invitations import administration as invitations
from app.modules.memberships import service
from app.modules.memberships.schemas import MemberRead, MemberUpdate
from shared_lib.tenancy import TenantTx


async def change_role(tx: TenantTx, person_id: UUID, update: MemberUpdate) -> MemberRead:
    """Give a member another role; of his open invitations those stay that he could still make.

    Raises MemberNotFound, RoleNotAllowed, MemberNotActive or LastOwner.
    """
    member = await service.change_role(tx, person_id, update)
    await invitations.revoke_those_of(tx, person_id, member.role)
    return member


async def remove_member(tx: TenantTx, person_id: UUID) -> None:
    """End a membership, and the member's open invitations.

    Raises MemberNotFound, RoleNotAllowed or LastOwner.
    """
    await service.remove_member(tx, person_id)
    await invitations.revoke_those_of(tx, person_id, None)


async def leave(tx: TenantTx) -> None:
    """End the caller's own membership, and his open invitations. Raises LastOwner."""
    person_id = await service.leave(tx)
    await invitations.revoke_those_of(tx, person_id, None)
