"""The rules of organizations."""

from uuid import UUID

from app.modules.organizations import repository
from app.modules.organizations.schemas import (
    OrganizationRead,
    OrganizationSuspend,
    OrganizationUpdate,
    SupportAccess,
)
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx
from shared_lib.web import Listing, PageRequest


class OrganizationNotFound(ApiError):
    """No organization has this id."""

    code = "organization_not_found"
    status = 404
    title = "There is no such organization"


class OrganizationNotActive(ApiError):
    """Only an active organization can be suspended."""

    code = "organization_not_active"
    status = 409
    title = "The organization is not active"


class OrganizationNotSuspended(ApiError):
    """Only a suspended organization can be reactivated."""

    code = "organization_not_suspended"
    status = 409
    title = "The organization is not suspended"


async def get_own_organization(tx: TenantTx) -> OrganizationRead:
    """The caller's organization."""
    return _found(await repository.get_own(tx))


async def update_own_organization(tx: TenantTx, update: OrganizationUpdate) -> OrganizationRead:
    """Change the profile of the caller's organization."""
    before = _found(await repository.lock_own(tx))
    changes = update.changes()
    if not changes:
        return before
    after = _found(await repository.rename(tx, changes["name"], utc_now()))
    event = AuditEvent("org.update", changes={"name": [before.name, after.name]})
    await tx.record(event, tenant_id=tx.tenant_id)
    return after


async def set_support_access(tx: TenantTx, support_access: SupportAccess) -> OrganizationRead:
    """Set what support sessions the caller's organization allows."""
    before = _found(await repository.lock_own(tx))
    after = _found(await repository.set_support_access(tx, support_access, utc_now()))
    changes = {"support_access": [before.support_access, after.support_access]}
    await tx.record(AuditEvent("support_access.update", changes=changes), tenant_id=tx.tenant_id)
    return after


async def get_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    """Any organization. Raises OrganizationNotFound."""
    return _found(await repository.get_organization(tx, tenant_id))


async def hold_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    """Any organization, unchanged until the transaction ends. Raises OrganizationNotFound."""
    return _found(await repository.hold_organization(tx, tenant_id))


async def require_organization(tx: ServiceTx, tenant_id: UUID) -> None:
    """Raise OrganizationNotFound when there is no such organization."""
    if not await repository.exists(tx, tenant_id):
        raise OrganizationNotFound


async def list_organizations(
    tx: PlatformTx, page: PageRequest, search: str | None
) -> Listing[OrganizationRead]:
    """One page of all organizations, newest first."""
    return await repository.list_organizations(tx, page, search)


async def suspend_organization(
    tx: PlatformTx, tenant_id: UUID, suspend: OrganizationSuspend
) -> OrganizationRead:
    """Block an organization from the very next request. Raises OrganizationNotFound, -NotActive."""
    suspended = await repository.suspend(tx, tenant_id, suspend.reason, utc_now())
    if suspended is None:
        await get_organization(tx, tenant_id)
        raise OrganizationNotActive
    event = AuditEvent("organizations.suspend", resource_id=str(tenant_id), reason=suspend.reason)
    await tx.record(event, tenant_id=tenant_id)
    return suspended


async def reactivate_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    """Lift a suspension. Raises OrganizationNotFound, OrganizationNotSuspended."""
    reactivated = await repository.reactivate(tx, tenant_id, utc_now())
    if reactivated is None:
        await get_organization(tx, tenant_id)
        raise OrganizationNotSuspended
    event = AuditEvent("organizations.reactivate", resource_id=str(tenant_id))
    await tx.record(event, tenant_id=tenant_id)
    return reactivated


def _found(organization: OrganizationRead | None) -> OrganizationRead:
    if organization is None:
        raise OrganizationNotFound
    return organization
