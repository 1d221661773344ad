"""All SQL about organizations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, func, literal, or_, select, update

from app.modules.organizations.models import Organization
from app.modules.organizations.schemas import OrganizationRead
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, PlatformTx, ServiceTx, TenantTx
from shared_lib.web import Listing, PageRequest

_COLUMNS = (
    Organization.tenant_id.label("id"),
    Organization.slug,
    Organization.name,
    Organization.status,
    func.access_mode(
        Organization.status,
        Organization.trial_ends_at,
        Organization.paid,
        literal("worker", Text),
        func.now(),
        type_=Text,
    ),
    Organization.trial_ends_at,
    Organization.paid,
    Organization.support_access,
    Organization.created_at,
    Organization.updated_at,
)
_THIS = Organization.tenant_id == bindparam("tenant_id", type_=Uuid)
_SEARCH = bindparam("search", type_=Text)
_CHANGED = {
    "updated_at": bindparam("now", type_=DateTime(timezone=True)),
    "version": Organization.version + 1,
}
_ALL = select(*_COLUMNS)

_LIST = NewestFirst(
    _ALL,
    OrganizationRead,
    created=Organization.created_at,
    identity=Organization.tenant_id,
)
_SEARCHED = NewestFirst(
    _ALL.where(
        or_(
            func.strpos(func.lower(Organization.name), _SEARCH) > 0,
            func.strpos(Organization.slug, _SEARCH) > 0,
        )
    ),
    OrganizationRead,
    created=Organization.created_at,
    identity=Organization.tenant_id,
)
_GET = Statement(_ALL.where(_THIS), OrganizationRead)
_LOCK = Statement(_ALL.where(_THIS).with_for_update(key_share=True), OrganizationRead)
_HOLD = Statement(_ALL.where(_THIS).with_for_update(read=True), OrganizationRead)
_EXISTS = Statement(select(Organization.version).where(_THIS), int)
_RENAME = Statement(
    update(Organization)
    .where(_THIS)
    .values(name=bindparam("name", type_=Text), **_CHANGED)
    .returning(*_COLUMNS),
    OrganizationRead,
)
_SET_SUPPORT_ACCESS = Statement(
    update(Organization)
    .where(_THIS)
    .values(support_access=bindparam("support_access", type_=Text), **_CHANGED)
    .returning(*_COLUMNS),
    OrganizationRead,
)
_SUSPEND = Statement(
    update(Organization)
    .where(_THIS, Organization.status == "active")
    .values(
        status="suspended",
        suspended_at=bindparam("now", type_=DateTime(timezone=True)),
        suspension_reason=bindparam("reason", type_=Text),
        **_CHANGED,
    )
    .returning(*_COLUMNS),
    OrganizationRead,
)
_REACTIVATE = Statement(
    update(Organization)
    .where(_THIS, Organization.status == "suspended")
    .values(status="active", suspended_at=None, suspension_reason=None, **_CHANGED)
    .returning(*_COLUMNS),
    OrganizationRead,
)


async def list_organizations(
    tx: PlatformTx, page: PageRequest, search: str | None
) -> Listing[OrganizationRead]:
    """One page, newest first; `search` is looked for in name and slug, whatever its case."""
    if search:
        return await _SEARCHED.page(tx, page, search=search.lower())
    return await _LIST.page(tx, page)


async def get_own(tx: TenantTx) -> OrganizationRead | None:
    """The caller's organization."""
    return await tx.one(_GET)


async def lock_own(tx: TenantTx) -> OrganizationRead | None:
    """The caller's organization, which nobody else changes before the transaction ends."""
    return await tx.one(_LOCK)


async def get_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead | None:
    """Any organization."""
    return await tx.one(_GET, tenant_id=tenant_id)


async def hold_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead | None:
    """Any organization, which nobody changes before the transaction ends."""
    return await tx.one(_HOLD, tenant_id=tenant_id)


async def exists(tx: ServiceTx, tenant_id: UUID) -> bool:
    """Whether there is such an organization."""
    return await tx.one(_EXISTS, tenant_id=tenant_id) is not None


async def rename(tx: TenantTx, name: str, now: datetime) -> OrganizationRead | None:
    """Set the name of the caller's organization."""
    return await tx.one(_RENAME, name=name, now=now)


async def set_support_access(
    tx: TenantTx, support_access: str, now: datetime
) -> OrganizationRead | None:
    """Set what support sessions the caller's organization allows."""
    return await tx.one(_SET_SUPPORT_ACCESS, support_access=support_access, now=now)


async def suspend(
    tx: PlatformTx, tenant_id: UUID, reason: str, now: datetime
) -> OrganizationRead | None:
    """Suspend an active organization; None when there is none such."""
    return await tx.one(_SUSPEND, tenant_id=tenant_id, reason=reason, now=now)


async def reactivate(tx: PlatformTx, tenant_id: UUID, now: datetime) -> OrganizationRead | None:
    """Reactivate a suspended organization; None when there is none such."""
    return await tx.one(_REACTIVATE, tenant_id=tenant_id, now=now)
