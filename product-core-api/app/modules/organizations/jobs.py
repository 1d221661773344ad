"""Tells the identity service of organizations; it keeps what has the highest version."""

from app.core.jobs import CoreWork
from app.modules.organizations import service


async def tell_tenant(work: CoreWork) -> None:
    """Send an organization as it is now, whatever it was when the job was made.

    So a late or repeated job tells nothing old, and one that was lost is made up for by the next.
    Raises NotDelivered.
    """
    async with work.service() as tx:
        fact = await service.tenant_fact(tx, work.job.tenant_id)
    if fact is not None:
        await work.context.internal.put(f"/internal/tenants/{work.job.tenant_id}", fact)
