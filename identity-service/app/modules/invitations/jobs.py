"""Mails invitations, unless they were withdrawn meanwhile, and deletes those of long ago."""

from uuid import UUID

from app.core.jobs import IdentityWork
from app.core.links import link_token
from app.core.mail import send_mail
from app.modules.invitations import administration, service
from app.modules.tenants import service as tenants


async def send_invitation(work: IdentityWork) -> None:
    """Mail one link: the same one each time."""
    invitation_id = UUID(work.job.arguments["invitation_id"])
    async with work.tenant() as tx:
        invitation = await service.get_outgoing(tx, invitation_id)
    async with work.service() as tx_of_all:
        tenant = await tenants.get_tenant(tx_of_all, work.job.tenant_id)
    if invitation is None or tenant is None or not tenant.is_active:
        return
    settings = work.context.settings
    token = link_token(settings, service.PURPOSE, invitation_id)
    await send_mail(
        work,
        "invitation",
        to=invitation.email,
        organization=tenant.name,
        role=invitation.role,
        invited_by=invitation.invited_by,
        link=f"{settings.web_url}/invitation#token={token}",
        expires_at=invitation.expires_at,
    )


async def delete_old_invitations(work: IdentityWork) -> None:
    """Delete what was over longer ago than invitations are kept, so many at a time."""
    more = True
    while more:
        async with work.service() as tx:
            more = await administration.delete_old(tx, work.context.settings)
