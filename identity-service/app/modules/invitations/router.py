"""HTTP of invitations: the organization's own, and those of whoever holds a link.

Tokens travel in bodies of POST: what mail programs and crawlers fetch consumes nothing (T31).
"""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.access import organization, platform, public, signed_in
from app.core.passwords import SignInBusy
from app.core.process import CurrentProcess
from app.core.throttle import TooManyAttempts
from app.modules.invitations import administration, service
from app.modules.invitations.schemas import (
    InvitationAccept,
    InvitationCreate,
    InvitationLookup,
    InvitationPreview,
    InvitationRead,
    OwnerInvite,
)
from app.modules.memberships import service as memberships
from app.modules.memberships.domain import MANAGERS
from app.modules.memberships.schemas import MembershipRead
from app.modules.people import service as people
from app.modules.people.schemas import PLATFORM_ADMIN
from shared_lib.errors import DatabaseUnavailable, OutcomeUnknown, problems
from shared_lib.tenancy import (
    OwnTransactions,
    PlatformTransaction,
    PublicTransaction,
    TenantTransaction,
    UserTransaction,
    idempotent,
    not_idempotent,
)
from shared_lib.web import Json, Listing, Page

router = APIRouter(tags=["invitations"])


@router.post(
    "/invitations",
    dependencies=[organization(*MANAGERS), idempotent()],
    status_code=201,
    response_model=InvitationRead,
    responses=problems(
        service.AlreadyInvited,
        service.AlreadyMember,
        memberships.RoleNotAllowed,
        TooManyAttempts,
    ),
)
async def create_invitation(
    tx: TenantTransaction, process: CurrentProcess, create: InvitationCreate
) -> Response:
    """Invite an address into the caller's organization; the link goes there by mail."""
    return Json(await service.create_invitation(process, tx, create), status_code=201)


@router.get(
    "/invitations",
    dependencies=[organization(*MANAGERS)],
    response_model=Listing[InvitationRead],
)
async def list_invitations(tx: TenantTransaction, page: Page) -> Response:
    """List the open invitations of the caller's organization, newest first."""
    return Json(await service.list_invitations(tx, page))


@router.post(
    "/invitations/lookup",
    dependencies=[public()],
    response_model=InvitationPreview,
    responses=problems(*service.DEAD_LINKS, DatabaseUnavailable, OutcomeUnknown),
)
async def lookup_invitation(
    tx: PublicTransaction, process: CurrentProcess, lookup: InvitationLookup
) -> Response:
    """Show what a link invites to. It stays good."""
    return Json(await service.look_up(tx, process.settings, lookup.token))


@router.post(
    "/invitations/accept",
    dependencies=[
        public("own"),
        not_idempotent("nobody is known yet; the link works once, and says so when it is used up"),
    ],
    status_code=201,
    response_model=MembershipRead,
    responses=problems(
        *service.DEAD_LINKS,
        service.SignInToAccept,
        people.PasswordTooWeak,
        SignInBusy,
        DatabaseUnavailable,
        OutcomeUnknown,
    ),
)
async def accept_invitation(
    unit: OwnTransactions, process: CurrentProcess, accept: InvitationAccept
) -> Response:
    """Make an account for the invited address, and join. With an account there, sign in first."""
    return Json(await service.accept_as_somebody_new(process, unit, accept), status_code=201)


@router.post(
    "/me/invitations/accept",
    dependencies=[signed_in(staff=False), idempotent()],
    status_code=201,
    response_model=MembershipRead,
    responses=problems(
        *service.DEAD_LINKS, service.AlreadyMember, service.InvitationForAnotherAddress
    ),
)
async def join_by_invitation(
    tx: UserTransaction, process: CurrentProcess, lookup: InvitationLookup
) -> Response:
    """Join the organization that has invited the caller's address; refresh to get its token."""
    return Json(await service.accept_signed_in(tx, process.settings, lookup.token), status_code=201)


@router.post(
    "/admin/tenants/{tenant_id}/invite-owner",
    dependencies=[platform(PLATFORM_ADMIN), idempotent()],
    status_code=201,
    response_model=InvitationRead,
    responses=problems(*administration.NOT_INVITED),
)
async def invite_owner(tx: PlatformTransaction, tenant_id: UUID, invite: OwnerInvite) -> Response:
    """Invite an owner of an organization that has none who can sign in.

    What the platform sent before is withdrawn: it may have gone to a wrong address.
    """
    return Json(await administration.invite_owner(tx, tenant_id, invite), status_code=201)


@router.post(
    "/invitations/{invitation_id}/resend",
    dependencies=[organization(*MANAGERS)],
    status_code=202,
    responses=problems(service.InvitationNotFound, memberships.RoleNotAllowed, TooManyAttempts),
)
async def resend_invitation(
    tx: TenantTransaction, process: CurrentProcess, invitation_id: UUID
) -> None:
    """Mail the same link once more. It lives no longer for that."""
    await service.resend_invitation(process, tx, invitation_id)


@router.delete(
    "/invitations/{invitation_id}",
    dependencies=[organization(*MANAGERS)],
    status_code=204,
    responses=problems(service.InvitationNotFound, memberships.RoleNotAllowed),
)
async def revoke_invitation(tx: TenantTransaction, invitation_id: UUID) -> None:
    """Withdraw an invitation: its link is dead at once."""
    await service.revoke_invitation(tx, invitation_id)
