"""All SQL about popups."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, insert, select, update

from app.modules.popups.models import Popup
from app.modules.popups.schemas import PopupRead
from shared_lib.tables import Statement
from shared_lib.tenancy import NewestFirst, TenantTx
from shared_lib.web import Listing, PageRequest

SLUG_CONSTRAINT = "uq_popups_tenant_id_slug"

_COLUMNS = (
    Popup.id,
    Popup.name,
    Popup.slug,
    Popup.tagline,
    Popup.location,
    Popup.starts_at,
    Popup.ends_at,
    Popup.status,
    Popup.created_at,
    Popup.updated_at,
)
_OURS = Popup.tenant_id == bindparam("tenant_id", type_=Uuid)
_THIS = Popup.id == bindparam("popup_id", type_=Uuid)

_LIST = NewestFirst(
    select(*_COLUMNS).where(_OURS), PopupRead, created=Popup.created_at, identity=Popup.id
)
_GET = Statement(select(*_COLUMNS).where(_OURS, _THIS), PopupRead)
_INSERT = Statement(
    insert(Popup)
    .values(
        {column.name: bindparam(column.name, type_=column.type) for column in Popup.__table__.c}
    )
    .returning(*_COLUMNS),
    PopupRead,
)
_DELETE: Statement[Any] = Statement(delete(Popup).where(_OURS, _THIS))


@cache
def _update(columns: frozenset[str]) -> Statement[PopupRead]:
    table = Popup.__table__
    values = {name: bindparam(name, type_=table.c[name].type) for name in sorted(columns)}
    return Statement(
        update(Popup).where(_OURS, _THIS).values(values).returning(*_COLUMNS), PopupRead
    )


async def list_popups(tx: TenantTx, page: PageRequest) -> Listing[PopupRead]:
    """One page, newest first."""
    return await _LIST.page(tx, page)


async def get_popup(tx: TenantTx, popup_id: UUID) -> PopupRead | None:
    """One popup, or None."""
    return await tx.one(_GET, popup_id=popup_id)


async def insert_popup(tx: TenantTx, values: dict[str, Any]) -> PopupRead | None:
    """Insert all columns but `tenant_id`. Raises UniqueViolationError for a slug that is taken."""
    return await tx.one(_INSERT, **values)


async def update_popup(tx: TenantTx, popup_id: UUID, changes: dict[str, Any]) -> PopupRead | None:
    """Set the columns named in `changes`. Raises UniqueViolationError, CheckViolationError."""
    return await tx.one(_update(frozenset(changes)), popup_id=popup_id, **changes)


async def delete_popup(tx: TenantTx, popup_id: UUID) -> bool:
    """Whether there was such a popup."""
    return await tx.execute(_DELETE, popup_id=popup_id) > 0
