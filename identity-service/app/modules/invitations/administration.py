"""Invitations by no manager's wish: the first owner's, and the end of those of who has gone."""

from uuid import UUID

from app.modules.invitations import repository, service
from app.modules.invitations.domain import LIFETIME
from app.modules.memberships.domain import MANAGERS, reaches
from app.modules.memberships.schemas import Role
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceTx, TenantTx


async def invite_first_owner(tx: ServiceTx, tenant_id: UUID, email: str) -> None:
    """Invite the first owner of an organization that the platform has made."""
    now, invitation_id = utc_now(), uuid7()
    await repository.insert_first(
        tx, tenant_id, invitation_id, email=email, now=now, expires_at=now + LIFETIME
    )
    await service.record(tx, "invitations.create", tenant_id, invitation_id, [None, Role.OWNER])
    await service.mail(tx, tenant_id, invitation_id)


async def revoke_those_of(tx: TenantTx, inviter_id: UUID, role: str | None) -> None:
    """Withdraw the open invitations that the person could not make any more.

    `role`: what he is now; None when he is no member.
    """
    kept = [each for each in Role if role in MANAGERS and reaches(role, each)]
    revoked = await repository.revoke_those_of(tx, inviter_id, but_for=kept, now=utc_now())
    for each in revoked:
        await service.record(tx, "invitations.revoke", tx.tenant_id, each.id, [each.role, None])
