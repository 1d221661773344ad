"""The rules of organizations."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from app.core.jobs import queue
from app.core.slugs import slug_of
from app.modules.organizations import repository
from app.modules.organizations.domain import (
    differences,
    extended_trial,
    reactivated,
    suspended,
)
from app.modules.organizations.schemas import (
    OrganizationCounts,
    OrganizationCreate,
    OrganizationDetails,
    OrganizationFound,
    OrganizationFounded,
    OrganizationMarkUnpaid,
    OrganizationRead,
    OrganizationRename,
    OrganizationStatus,
    OrganizationSuspend,
    OrganizationUpdate,
    SupportAccess,
    TenantFact,
    TrialExtend,
)
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError
from shared_lib.ids import uuid7
from shared_lib.tenancy import PlatformTx, ServiceTx, TenantTx, UserTx
from shared_lib.web import Listing, PageRequest

TELL = "tell_tenant"
"""The kind of the job that tells identity of an organization."""
# A change of anything else is for the core alone.
_TOLD = frozenset({"name", "slug", "status"})
_ENDING = (OrganizationStatus.DELETING, OrganizationStatus.PURGED)
Found = TypeVar("Found", bound=OrganizationRead)


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


class OrganizationEnding(ApiError):
    """An organization that is deleted, or about to be, is not changed any more."""

    code = "organization_ending"
    status = 409
    title = "The organization is deleted, or about to be"


class SlugTaken(ApiError):
    """Another organization has the slug, perhaps a deleted one."""

    code = "slug_taken"
    status = 409
    title = "Another organization has this slug"


class TooManyTrials(ApiError):
    """The person has founded as many organizations as one may without paying for any."""

    code = "too_many_trials"
    status = 409
    title = "You have too many organizations that are not paid for"


async def get_own_organization(tx: TenantTx) -> OrganizationRead:
    """The caller's organization."""
    return _found(await repository.get_own(tx))


async def update_own_organization(tx: TenantTx, update: OrganizationUpdate) -> OrganizationRead:
    """Change the profile of the caller's organization."""
    before = _found(await repository.lock_own(tx))
    if update.changes().get("name", before.name) == before.name:
        return before
    after = _found(await repository.change_own(tx, update.changes(), utc_now()))
    event = AuditEvent("org.update", changes=differences(before, after))
    await tx.record(event, tenant_id=tx.tenant_id)
    await queue.enqueue(tx, TELL, tenant_id=tx.tenant_id)
    return after


async def set_support_access(tx: TenantTx, support_access: SupportAccess) -> OrganizationRead:
    """Set what support sessions the caller's organization allows."""
    before = _found(await repository.lock_own(tx))
    change = {"support_access": support_access}
    after = _found(await repository.change_own(tx, change, utc_now()))
    event = AuditEvent("support_access.update", changes=differences(before, after))
    await tx.record(event, tenant_id=tx.tenant_id)
    return after


async def found_organization(
    tx: UserTx, new: OrganizationFound, allowed: int
) -> OrganizationFounded:
    """Make an organization of the caller's, on trial.

    `allowed` is how many unpaid ones a person may have founded. Raises SlugTaken, TooManyTrials.
    """
    tenant_id, slug = uuid7(), new.slug or slug_of(new.name)
    with _refusals():
        trial_ends_at = await repository.found(
            tx, tenant_id=tenant_id, slug=slug, name=new.name, event_id=uuid7(), allowed=allowed
        )
    if trial_ends_at is None:
        raise TooManyTrials
    return OrganizationFounded(tenant_id, slug, new.name, trial_ends_at)


async def create_organization(tx: PlatformTx, new: OrganizationCreate) -> OrganizationRead:
    """Make an organization whose first owner is invited. Raises SlugTaken."""
    values = new.model_dump() | {"tenant_id": uuid7(), "slug": new.slug or slug_of(new.name)}
    with _refusals():
        created = _found(await repository.insert_organization(tx, values))
    await _record(tx, "create", created.id)
    await queue.enqueue(tx, TELL, tenant_id=created.id)
    return created


async def get_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationDetails:
    """Any organization, with who came first. Raises OrganizationNotFound."""
    return _found(await repository.get_organization(tx, tenant_id))


async def tenant_fact(tx: ServiceTx, tenant_id: UUID) -> TenantFact | None:
    """What identity is told of an organization; None when there is none (any more)."""
    return await repository.get_fact(tx, tenant_id)


async def hold_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    """Any but a purged one, unchanged until the transaction ends. Raises OrganizationNotFound."""
    organization = _found(await repository.hold_organization(tx, tenant_id))
    if organization.status == OrganizationStatus.PURGED:
        raise OrganizationNotFound
    return organization


async def require_organization(tx: ServiceTx, tenant_id: UUID) -> None:
    """Raise OrganizationNotFound when there is no such organization."""
    if await repository.get_fact(tx, tenant_id) is None:
        raise OrganizationNotFound


async def list_organizations(
    tx: PlatformTx, page: PageRequest, filters: Mapping[str, Any]
) -> Listing[OrganizationRead]:
    """One page, newest first; purged organizations only where the filter `status` says so."""
    return await repository.list_organizations(tx, page, filters)


async def count_organizations(tx: PlatformTx) -> OrganizationCounts:
    """All organizations in numbers."""
    counts = await repository.count_organizations(tx)
    if counts is None:
        raise LookupError("a count has one row")
    return counts


async def rename_organization(
    tx: PlatformTx, tenant_id: UUID, rename: OrganizationRename
) -> OrganizationRead:
    """Change name or slug. Raises OrganizationNotFound, OrganizationEnding, SlugTaken."""
    return await _change(tx, tenant_id, "update", rename.changes())


async def extend_trial(tx: PlatformTx, tenant_id: UUID, extend: TrialExtend) -> OrganizationRead:
    """Let the trial end later. Raises OrganizationNotFound, -Ending, ValidationFailed."""
    before = await _lock(tx, tenant_id)
    trial_ends_at = extended_trial(before.trial_ends_at, extend, utc_now())
    return await _set(tx, before, "extend", {"trial_ends_at": trial_ends_at}, extend.reason)


async def mark_paid(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    """Note that the organization pays. Raises OrganizationNotFound, OrganizationEnding."""
    return await _change(tx, tenant_id, "mark", {"paid": True})


async def mark_unpaid(
    tx: PlatformTx, tenant_id: UUID, unpaid: OrganizationMarkUnpaid
) -> OrganizationRead:
    """Note that it does not. Raises OrganizationNotFound, OrganizationEnding."""
    return await _change(tx, tenant_id, "mark", {"paid": False}, unpaid.reason)


async def suspend_organization(
    tx: PlatformTx, tenant_id: UUID, suspend: OrganizationSuspend
) -> OrganizationRead:
    """Block an organization from the very next request. Raises OrganizationNotFound, -NotActive."""
    before = _found(await repository.lock_organization(tx, tenant_id))
    if before.status != OrganizationStatus.ACTIVE:
        raise OrganizationNotActive
    return await _set(tx, before, "suspend", suspended(suspend.reason, utc_now()), suspend.reason)


async def reactivate_organization(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    """Lift a suspension. Raises OrganizationNotFound, OrganizationNotSuspended."""
    before = _found(await repository.lock_organization(tx, tenant_id))
    if before.status != OrganizationStatus.SUSPENDED:
        raise OrganizationNotSuspended
    return await _set(tx, before, "reactivate", reactivated())


async def _change(
    tx: PlatformTx,
    tenant_id: UUID,
    verb: str,
    changes: Mapping[str, Any],
    reason: str | None = None,
) -> OrganizationRead:
    """Change what is not so already."""
    before = await _lock(tx, tenant_id)
    new = {name: value for name, value in changes.items() if getattr(before, name) != value}
    return await _set(tx, before, verb, new, reason) if new else before


async def _lock(tx: PlatformTx, tenant_id: UUID) -> OrganizationRead:
    organization = _found(await repository.lock_organization(tx, tenant_id))
    if organization.status in _ENDING:
        raise OrganizationEnding
    return organization


async def _set(
    tx: PlatformTx,
    before: OrganizationRead,
    verb: str,
    changes: Mapping[str, Any],
    reason: str | None = None,
) -> OrganizationRead:
    """Change a locked organization, and say what it was."""
    with _refusals():
        after = _found(await repository.change(tx, before.id, changes, utc_now()))
    await _record(tx, verb, after.id, reason, differences(before, after))
    if not _TOLD.isdisjoint(changes):
        await queue.enqueue(tx, TELL, tenant_id=after.id)
    return after


async def _record(
    tx: PlatformTx,
    verb: str,
    tenant_id: UUID,
    reason: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    event = AuditEvent(
        f"organizations.{verb}", resource_id=str(tenant_id), reason=reason, changes=changes
    )
    await tx.record(event, tenant_id=tenant_id)


def _found(organization: Found | None) -> Found:
    if organization is None:
        raise OrganizationNotFound
    return organization


@contextmanager
def _refusals() -> Iterator[None]:
    """What the constraints refuse, in the words of the API."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == repository.SLUG_CONSTRAINT:
            raise SlugTaken from error
        raise
