"""What staff of the platform may do with people: find them, shut them out, let them in again."""

from dataclasses import asdict
from uuid import UUID

from app.modules.memberships import service as memberships
from app.modules.people import repository
from app.modules.people.schemas import (
    PLATFORM_ADMIN,
    DeactivatedPerson,
    PersonDeactivate,
    PersonRead,
)
from app.modules.revocations import service as revocations
from app.modules.sessions import ending
from app.modules.sessions.schemas import EndReason
from shared_lib.audit import PLATFORM, AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, TokenRevoked
from shared_lib.tenancy import PlatformTx
from shared_lib.web import Listing, PageRequest


class PersonNotFound(ApiError):
    """Nobody has this id."""

    code = "person_not_found"
    status = 404
    title = "There is no such person"


class PersonNotActive(ApiError):
    """Only an active person can be deactivated."""

    code = "person_not_active"
    status = 409
    title = "The person is not active"


class PersonActive(ApiError):
    """Only a deactivated person can be reactivated."""

    code = "person_active"
    status = 409
    title = "The person is active"


class CannotDeactivateYourself(ApiError):
    """Somebody else must do it: he would be out before he could take it back."""

    code = "cannot_deactivate_yourself"
    status = 409
    title = "You cannot deactivate yourself"


class LastPlatformAdmin(ApiError):
    """Nobody could administer the platform afterwards."""

    code = "last_platform_admin"
    status = 409
    title = "This is the last administrator of the platform"


async def list_people(tx: PlatformTx, page: PageRequest, search: str | None) -> Listing[PersonRead]:
    """One page of all people, newest first."""
    return await repository.list_people(tx, page, search)


async def get_person(tx: PlatformTx, person_id: UUID) -> PersonRead:
    """Any person. Raises PersonNotFound."""
    person = await repository.get_person(tx, person_id)
    if person is None:
        raise PersonNotFound
    return person


async def deactivate_person(
    tx: PlatformTx, person_id: UUID, deactivate: PersonDeactivate
) -> DeactivatedPerson:
    """Shut a person out: of identity at once, of the core within seconds.

    Organizations that nobody owns any more are named: their first owner can be invited anew.

    Raises PersonNotFound, PersonNotActive, CannotDeactivateYourself or LastPlatformAdmin.
    """
    person = await get_person(tx, person_id)
    if tx.caller.actor_id == person_id:
        raise CannotDeactivateYourself
    if person.platform_role == PLATFORM_ADMIN:
        await _require_another_admin(tx, person_id)
    now = utc_now()
    deactivated = await repository.deactivate(tx, person_id, now)
    if deactivated is None:
        raise PersonNotActive
    not_before = await repository.shut_out(tx, person_id, now)
    await ending.end_all(tx, person_id, EndReason.PERSON_DEACTIVATED)
    await revocations.revoke_person(tx, person_id, not_before)
    await memberships.person_changed(tx, person_id)
    left = await memberships.solely_owned(tx, person_id)
    changes = {"organizations_without_owner": [[], [str(each) for each in left]]} if left else None
    event = AuditEvent(
        "people.deactivate", str(person_id), reason=deactivate.reason, changes=changes
    )
    await tx.record(event, tenant_id=PLATFORM)
    return DeactivatedPerson(**asdict(deactivated), organizations_without_owner=left)


async def reactivate_person(tx: PlatformTx, person_id: UUID) -> PersonRead:
    """Let a person sign in again. What was ended stays ended.

    Raises PersonNotFound or PersonActive.
    """
    reactivated = await repository.reactivate(tx, person_id, utc_now())
    if reactivated is None:
        await get_person(tx, person_id)
        raise PersonActive
    await memberships.person_changed(tx, person_id)
    await tx.record(AuditEvent("people.reactivate", str(person_id)), tenant_id=PLATFORM)
    return reactivated


async def _require_another_admin(tx: PlatformTx, person_id: UUID) -> None:
    """Raises LastPlatformAdmin, or TokenRevoked when the caller is none any more.

    The admins are locked, in one order: two who shut each other out do it one after the other.
    """
    admins = await repository.lock_platform_admins(tx)
    if not set(admins) - {person_id}:
        raise LastPlatformAdmin
    if tx.caller.actor_id not in admins:
        raise TokenRevoked
