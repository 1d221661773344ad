"""Invitations by no manager's wish: the first owner's, and the end of those of who has gone."""

from uuid import UUID

from app.modules.invitations import repository, service
from app.modules.invitations.domain import LIFETIME
from app.modules.invitations.schemas import InvitationRead, OwnerInvite
from app.modules.memberships.domain import MANAGERS, reaches
from app.modules.memberships.schemas import Role
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, TenantBlocked
from shared_lib.ids import uuid7
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx


class TenantNotFound(ApiError):
    """The core has told of no such organization, or it is gone."""

    code = "tenant_not_found"
    status = 404
    title = "There is no such organization"


class TenantHasOwner(ApiError):
    """Its owner invites; the platform does so where nobody can."""

    code = "tenant_has_owner"
    status = 409
    title = "The organization has an owner"


NOT_INVITED: tuple[type[ApiError], ...] = (
    TenantNotFound,
    TenantBlocked,
    TenantHasOwner,
    service.AlreadyMember,
)
"""Why the platform may not invite an owner."""


async def invite_first_owner(tx: ServiceTx, tenant_id: UUID, email: str) -> None:
    """Invite the first owner of an organization that the platform has made."""
    now, invitation_id = utc_now(), uuid7()
    await repository.insert_first(
        tx, tenant_id, invitation_id, email=email, now=now, expires_at=now + LIFETIME
    )
    await service.record(tx, "invitations.create", tenant_id, invitation_id, [None, Role.OWNER])
    await service.mail(tx, tenant_id, invitation_id)


async def invite_owner(tx: PlatformTx, tenant_id: UUID, invite: OwnerInvite) -> InvitationRead:
    """Invite an owner of an organization that has none who can sign in.

    What the platform sent before is withdrawn. Raises one of NOT_INVITED.
    """
    invitation_id = uuid7()
    invited = await repository.invite_owner(tx, tenant_id, invitation_id, invite.email)
    for refusal in NOT_INVITED:
        if invited.outcome == refusal.code:
            raise refusal
    for each in invited.revoked:
        await service.record(tx, "invitations.revoke", tenant_id, each, None)
    await service.record(tx, "invitations.create", tenant_id, invitation_id, [None, Role.OWNER])
    await service.mail(tx, tenant_id, invitation_id)
    return InvitationRead(
        id=invitation_id,
        email=invite.email,
        role=Role.OWNER,
        invited_by=None,
        created_at=invited.created_at,
        expires_at=invited.expires_at,
    )


async def revoke_those_of(tx: TenantTx, inviter_id: UUID, role: str | None) -> None:
    """Withdraw the open invitations that the person could not make any more.

    `role`: what he is now; None when he is no member.
    """
    kept = [each for each in Role if role in MANAGERS and reaches(role, each)]
    revoked = await repository.revoke_those_of(tx, inviter_id, but_for=kept, now=utc_now())
    for each in revoked:
        await service.record(tx, "invitations.revoke", tx.tenant_id, each.id, [each.role, None])
