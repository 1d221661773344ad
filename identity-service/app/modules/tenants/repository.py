"""All SQL about organizations."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app.modules.tenants.models import Tenant
from app.modules.tenants.schemas import TenantRead
from shared_lib.tables import Statement
from shared_lib.tenancy import ServiceTx, Tx

_THIS = Tenant.id == bindparam("tenant", type_=Uuid)
_INSERT = insert(Tenant).values(
    id=bindparam("tenant", type_=Uuid),
    slug=bindparam("slug", type_=Text),
    name=bindparam("name", type_=Text),
    status=bindparam("status", type_=Text),
    version=bindparam("version", type_=BigInteger),
)
_KEEP_HIGHEST: Statement[Any] = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=[Tenant.id],
        set_={name: _INSERT.excluded[name] for name in ("slug", "name", "status", "version")},
        where=Tenant.version < _INSERT.excluded.version,
    )
)
_SET_FOUNDED: Statement[Any] = Statement(
    # T33: nobody is invited into an organization that is gone.
    update(Tenant)
    .where(_THIS, Tenant.founded.is_(False), Tenant.status != "purged")
    .values(founded=true())
)
_IS_KNOWN = Statement(select(true()).where(_THIS, Tenant.status != "purged"), bool)
_GET = Statement(
    select(Tenant.id, Tenant.slug, Tenant.name, Tenant.status).where(_THIS), TenantRead
)


async def keep_highest(
    tx: ServiceTx, tenant_id: UUID, *, slug: str, name: str, status: str, version: int
) -> None:
    """Take over what is told, unless something newer was told before."""
    await tx.execute(
        _KEEP_HIGHEST, tenant=tenant_id, slug=slug, name=name, status=status, version=version
    )


async def set_founded(tx: ServiceTx, tenant_id: UUID) -> bool:
    """Whether this is the first time that anybody asks; others who ask wait for `tx`."""
    return await tx.execute(_SET_FOUNDED, tenant=tenant_id) > 0


async def get_tenant(tx: ServiceTx, tenant_id: UUID) -> TenantRead | None:
    """An organization, in whatever state it is."""
    return await tx.one(_GET, tenant=tenant_id)


async def is_known(tx: Tx, tenant_id: UUID) -> bool:
    """Whether there is such an organization, and it is not gone (T33)."""
    return await tx.one(_IS_KNOWN, tenant=tenant_id) is not None
