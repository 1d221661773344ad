"""All SQL about audit events but the insert by the transaction that they tell of."""

from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from app.modules.audit_events.models import audit_events
from app.modules.audit_events.schemas import AuditEventRead
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, PlatformTx, ServiceTx, TenantTx
from shared_lib.web import Listing, PageRequest

_COLUMNS = (
    audit_events.c.id,
    audit_events.c.tenant_id,
    audit_events.c.occurred_at,
    audit_events.c.actor_id,
    audit_events.c.actor_role,
    audit_events.c.subject_id,
    audit_events.c.support_session_id,
    audit_events.c.action,
    audit_events.c.resource_id,
    audit_events.c.outcome,
    audit_events.c.code,
    audit_events.c.reason,
    audit_events.c.client_ip,
    audit_events.c.request_id,
    audit_events.c.changes,
)
_OF_TENANT = audit_events.c.tenant_id == bindparam("tenant_id", type_=Uuid)
_OF_ACTOR = audit_events.c.actor_id == bindparam("actor_id", type_=Uuid)


def _newest(*conditions: Any) -> NewestFirst[AuditEventRead]:
    return NewestFirst(
        select(*_COLUMNS).where(*conditions),
        AuditEventRead,
        created=audit_events.c.occurred_at,
        identity=audit_events.c.id,
    )


_LISTS = {
    (True, True): _newest(_OF_TENANT, _OF_ACTOR),
    (True, False): _newest(_OF_TENANT),
    (False, True): _newest(_OF_ACTOR),
    (False, False): _newest(),
}

_KEEP: Statement[Any] = Statement(
    insert(audit_events)
    .values(
        {
            column.name: bindparam(column.name, type_=column.type)
            for column in audit_events.c
            if column.name != "support_session_id"
        }
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "id"])
)


async def keep(tx: ServiceTx, values: dict[str, Any]) -> None:
    """Insert an event that happened elsewhere, unless it is there already."""
    await tx.execute(_KEEP, **values)


async def list_of_tenant(tx: TenantTx, page: PageRequest) -> Listing[AuditEventRead]:
    """One page of the organization's events, newest first."""
    return await _LISTS[True, False].page(tx, page)


async def list_on_platform(
    tx: PlatformTx, page: PageRequest, *, tenant_id: UUID | None, actor_id: UUID | None
) -> Listing[AuditEventRead]:
    """One page of events, of one organization and of one actor where they are given."""
    given = {
        name: value
        for name, value in (("tenant_id", tenant_id), ("actor_id", actor_id))
        if value is not None
    }
    listing = _LISTS[tenant_id is not None, actor_id is not None]
    return await listing.page(tx, page, **given)
