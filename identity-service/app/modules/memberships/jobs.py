"""Tells the core who belongs to its organizations, as it is when the job runs."""

from uuid import UUID

from app.core.jobs import IdentityWork
from app.modules.memberships import service
from shared_lib.audit import PLATFORM
from shared_lib.jobs import JobRefused


async def tell_member(work: IdentityWork) -> None:
    """Tell of one membership. Raises NotDelivered."""
    person_id = UUID(work.job.arguments["person_id"])
    async with work.tenant() as tx:
        fact = await service.get_fact(tx, person_id)
    if fact is not None:
        await work.context.internal.put(f"/internal/members/{tx.tenant_id}/{person_id}", fact)


async def tell_person(work: IdentityWork) -> None:
    """Have every membership of a person who changed told of. Raises JobRefused.

    People are no organization's: one cannot have asked for it.
    """
    if work.job.tenant_id != PLATFORM:
        raise JobRefused("no organization changes a person")
    async with work.service() as tx:
        await service.tell_organizations(tx, UUID(work.job.arguments["person_id"]))
