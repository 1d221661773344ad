"""The rules of organizations here: the core's word counts, and founding happens once."""

from uuid import UUID

from app.modules.invitations import administration as invitations
from app.modules.memberships import service as memberships
from app.modules.people import service as people
from app.modules.tenants import repository
from app.modules.tenants.schemas import TenantRead, TenantReceive
from shared_lib.errors import ApiError, FieldError, ValidationFailed
from shared_lib.tenancy import ServiceTx, Tx

__all__ = ["FounderNotFound", "get_tenant", "is_known", "receive_tenant"]


class FounderNotFound(ApiError):
    """Nobody has the founder's id; an organization without an owner would be lost."""

    code = "founder_not_found"
    status = 409
    title = "There is no such person"


async def receive_tenant(tx: ServiceTx, tenant_id: UUID, received: TenantReceive) -> None:
    """Take over what the core says of an organization, in whatever order its facts arrive.

    Its first owner is seen to once, by the first fact that names one: repeats do nothing, not even
    when he has left since. Raises ValidationFailed or FounderNotFound.
    """
    if received.id not in (None, tenant_id):
        error = FieldError("body.id", "id_differs", "Must be the id in the path")
        raise ValidationFailed(errors=[error])
    await repository.keep_highest(
        tx,
        tenant_id,
        slug=received.slug,
        name=received.name,
        status=received.status,
        version=received.version,
    )
    if received.founder_id is None and received.first_owner_email is None:
        return
    if not await repository.set_founded(tx, tenant_id):
        return
    if received.first_owner_email is not None:
        await invitations.invite_first_owner(tx, tenant_id, received.first_owner_email)
    elif received.founder_id is not None:
        if not await people.exists(tx, received.founder_id):
            raise FounderNotFound
        await memberships.make_owner(tx, tenant_id, received.founder_id)


async def get_tenant(tx: ServiceTx, tenant_id: UUID) -> TenantRead | None:
    """An organization as the core told it last."""
    return await repository.get_tenant(tx, tenant_id)


async def is_known(tx: Tx, tenant_id: UUID) -> bool:
    """Whether there is such an organization, in whatever state; not one that was purged (T33)."""
    return await repository.is_known(tx, tenant_id)
