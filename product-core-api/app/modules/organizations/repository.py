"""All SQL about organizations."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    Interval,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    extract,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from app.modules.organizations.models import Organization
from app.modules.organizations.schemas import (
    ModeCounts,
    OrganizationCounts,
    OrganizationDetails,
    OrganizationRead,
    OrganizationStatus,
    StatusCounts,
    TenantFact,
)
from shared_lib.tables import Statement
from shared_lib.tenancy import AccessMode, NewestFirst, PlatformTx, ServiceTx, TenantTx, UserTx
from shared_lib.web import Listing, PageRequest

SLUG_CONSTRAINT = "uq_organizations_slug"

_ACCESS_MODE = func.access_mode(
    Organization.status,
    Organization.trial_ends_at,
    Organization.paid,
    literal("worker", Text),
    func.now(),
    type_=Text,
)
# By the clock: a trial that was made in this transaction has not more days than it was given.
_DAYS_LEFT = extract("epoch", Organization.trial_ends_at - func.clock_timestamp()) / 86_400
_COLUMNS = (
    Organization.tenant_id.label("id"),
    Organization.slug,
    Organization.name,
    Organization.status,
    _ACCESS_MODE,
    Organization.trial_ends_at,
    case(
        (or_(Organization.paid, Organization.trial_ends_at.is_(None)), null()),
        else_=cast(func.greatest(func.ceil(_DAYS_LEFT), 0), Integer),
    ),
    Organization.paid,
    Organization.support_access,
    Organization.created_at,
    Organization.updated_at,
)
_THIS = Organization.tenant_id == bindparam("tenant_id", type_=Uuid)
_SEARCH = bindparam("search", type_=Text)
_INSTANT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_INSTANT)
_CHANGED = {"updated_at": _NOW, "version": Organization.version + 1}
_ALL = select(*_COLUMNS)
_FILTERS = {
    "search": or_(
        func.strpos(func.lower(Organization.name), func.lower(_SEARCH)) > 0,
        func.strpos(Organization.slug, func.lower(_SEARCH)) > 0,
    ),
    "status": Organization.status == bindparam("status", type_=Text),
    "access_mode": bindparam("access_mode", type_=Text) == _ACCESS_MODE,
    "paid": Organization.paid == bindparam("paid", type_=Boolean),
    "created_from": Organization.created_at >= bindparam("created_from", type_=_INSTANT),
    "created_before": Organization.created_at < bindparam("created_before", type_=_INSTANT),
}

_GET = Statement(_ALL.where(_THIS), OrganizationRead)
_GET_DETAILS = Statement(
    _ALL.add_columns(
        Organization.suspended_at,
        Organization.suspension_reason,
        Organization.founder_id,
        Organization.first_owner_email,
        Organization.version,
    ).where(_THIS),
    OrganizationDetails,
)
_GET_FACT = Statement(
    select(
        Organization.slug,
        Organization.name,
        Organization.status,
        Organization.version,
        Organization.founder_id,
        Organization.first_owner_email,
    ).where(_THIS),
    TenantFact,
)
_LOCK = Statement(_ALL.where(_THIS).with_for_update(key_share=True), OrganizationRead)
_HOLD = Statement(_ALL.where(_THIS).with_for_update(read=True), OrganizationRead)


def _bound(*columns: str) -> dict[str, Any]:
    table = Organization.__table__
    return {name: bindparam(name, type_=table.c[name].type) for name in columns}


def _count(*conditions: Any) -> Any:
    return func.count().filter(*conditions)


def _counts(total: int, *numbers: int) -> OrganizationCounts:
    statuses, modes, others = numbers[:4], numbers[4:7], numbers[7:]
    return OrganizationCounts(total, StatusCounts(*statuses), ModeCounts(*modes), *others)


_each = select(
    Organization.status,
    Organization.created_at,
    Organization.trial_ends_at,
    Organization.paid,
    _ACCESS_MODE.label("mode"),
).subquery()
_KEPT = _each.c.status != "purged"
_STAYS = _KEPT & (_each.c.status != "deleting")
_COUNT = Statement(
    select(
        _count(_KEPT),
        *(_count(_each.c.status == status) for status in OrganizationStatus),
        *(_count(_KEPT, _each.c.mode == mode) for mode in AccessMode),
        *(
            _count(_STAYS, _each.c.created_at > func.now() - literal(timedelta(days), Interval))
            for days in (7, 30)
        ),
        _count(
            _each.c.status == "active",
            ~_each.c.paid,
            _each.c.trial_ends_at > func.now(),
            _each.c.trial_ends_at <= func.now() + literal(timedelta(7), Interval),
        ),
    ),
    _counts,
)
_INSERT = Statement(
    insert(Organization)
    .values(
        **_bound("tenant_id", "slug", "name", "paid", "first_owner_email"),
        status="active",
        trial_ends_at=case(
            (bindparam("paid", type_=Boolean), null()), else_=func.trial_end(func.now())
        ),
        support_access="read_only",
        created_at=func.now(),
        updated_at=func.now(),
        version=1,
    )
    .returning(*_COLUMNS),
    OrganizationRead,
)
_FOUND: Statement[datetime | None] = Statement(
    select(
        func.found_organization(
            *_bound("tenant_id", "slug", "name").values(),
            bindparam("allowed", type_=Integer),
            bindparam("event_id", type_=Uuid),
            bindparam("client_ip", type_=Text),
            bindparam("user_agent", type_=Text),
            type_=_INSTANT,
        )
    ),
    lambda trial_ends_at: trial_ends_at,
)


@cache
def _list(filters: frozenset[str]) -> NewestFirst[OrganizationRead]:
    conditions = [_FILTERS[name] for name in sorted(filters)]
    if "status" not in filters:
        conditions.append(Organization.status != "purged")
    return NewestFirst(
        _ALL.where(*conditions),
        OrganizationRead,
        created=Organization.created_at,
        identity=Organization.tenant_id,
    )


@cache
def _change(columns: frozenset[str]) -> Statement[OrganizationRead]:
    changed = update(Organization).where(_THIS).values(**_bound(*sorted(columns)), **_CHANGED)
    return Statement(changed.returning(*_COLUMNS), OrganizationRead)


async def list_organizations(
    tx: PlatformTx, page: PageRequest, filters: Mapping[str, Any]
) -> Listing[OrganizationRead]:
    """One page, newest first, without the purged ones unless `filters` names their status.

    `search` is looked for in name and slug, whatever its case; the other filters are columns, and
    `created_from` (included) and `created_before` (excluded).
    """
    if search := filters.get("search"):
        filters = {**filters, "search": search}
    return await _list(frozenset(filters)).page(tx, page, **filters)


async def count_organizations(tx: PlatformTx) -> OrganizationCounts | None:
    """All of them, in one pass over the table."""
    return await tx.one(_COUNT)


async def get_own(tx: TenantTx) -> OrganizationRead | None:
    """The caller's organization."""
    return await tx.one(_GET)


async def lock_own(tx: TenantTx) -> OrganizationRead | None:
    """The caller's organization, which nobody else changes before the transaction ends."""
    return await tx.one(_LOCK)


async def get_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationDetails | None:
    """Any organization, with who came first."""
    return await tx.one(_GET_DETAILS, tenant_id=tenant_id)


async def get_fact(tx: ServiceTx, tenant_id: UUID) -> TenantFact | None:
    """What identity is told of an organization, as it is now."""
    return await tx.one(_GET_FACT, tenant_id=tenant_id)


async def lock_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead | None:
    """Any organization, which nobody else changes before the transaction ends."""
    return await tx.one(_LOCK, tenant_id=tenant_id)


async def hold_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead | None:
    """Any organization, which nobody changes before the transaction ends."""
    return await tx.one(_HOLD, tenant_id=tenant_id)


async def insert_organization(tx: PlatformTx, values: dict[str, Any]) -> OrganizationRead | None:
    """Insert an organization. Raises UniqueViolationError for a slug that is taken."""
    return await tx.one(_INSERT, **values)


async def found(
    tx: UserTx, *, tenant_id: UUID, slug: str, name: str, event_id: UUID, allowed: int
) -> datetime | None:
    """Insert an organization of the caller's; the end of its trial.

    None when `allowed` unpaid ones are his already. Raises UniqueViolationError for a slug that is
    taken.
    """
    return await tx.one(
        _FOUND,
        tenant_id=tenant_id,
        slug=slug,
        name=name,
        allowed=allowed,
        event_id=event_id,
        client_ip=tx.caller.client_ip,
        user_agent=tx.caller.user_agent,
    )


async def change_own(
    tx: TenantTx, changes: Mapping[str, Any], now: datetime
) -> OrganizationRead | None:
    """Set the columns named in `changes` of the caller's organization."""
    return await tx.one(_change(frozenset(changes)), now=now, **changes)


async def change(
    tx: PlatformTx, tenant_id: UUID, changes: Mapping[str, Any], now: datetime
) -> OrganizationRead | None:
    """Set the columns named in `changes`. Raises UniqueViolationError for a slug that is taken."""
    return await tx.one(_change(frozenset(changes)), tenant_id=tenant_id, now=now, **changes)
