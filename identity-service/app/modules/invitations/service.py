"""The rules of invitations: who invites whom, and what a link lets its holder do."""

from uuid import UUID

from app.core.database import transaction_of
from app.core.jobs import queue
from app.core.links import read_link_token
from app.core.process import Process
from app.core.settings import IdentitySettings
from app.core.throttle import throttle_invitation, throttle_resend
from app.modules.invitations import repository
from app.modules.invitations.domain import (
    DEAD_LINKS,
    LIFETIME,
    InvitationUnknown,
    open_invitation,
)
from app.modules.invitations.schemas import (
    FoundInvitation,
    InvitationAccept,
    InvitationCreate,
    InvitationPreview,
    InvitationRead,
    Outgoing,
)
from app.modules.memberships import service as memberships
from app.modules.memberships.schemas import MembershipRead, Role
from app.modules.people import service as people
from shared_lib.audit import AuditEvent
from shared_lib.clock import utc_now
from shared_lib.errors import ApiError, MissingPermission, TokenRevoked
from shared_lib.ids import uuid7
from shared_lib.tenancy import PublicTx, TenantTx, Tx, Unit, UserTx
from shared_lib.web import Listing, PageRequest

__all__ = [
    "DEAD_LINKS",
    "PURPOSE",
    "SEND",
    "AlreadyInvited",
    "AlreadyMember",
    "InvitationForAnotherAddress",
    "InvitationNotFound",
    "SignInToAccept",
    "accept_as_somebody_new",
    "accept_signed_in",
    "create_invitation",
    "get_outgoing",
    "list_invitations",
    "look_up",
    "mail",
    "record",
    "resend_invitation",
    "revoke_invitation",
]

PURPOSE = "invitation"
"""What the tokens of invitations' links are made for."""
SEND = "send_invitation"
"""The kind of the job that mails one."""


class InvitationNotFound(ApiError):
    """The organization has no such open invitation."""

    code = "invitation_not_found"
    status = 404
    title = "There is no such open invitation"


class AlreadyMember(ApiError):
    """Somebody with this address is a member."""

    code = "already_member"
    status = 409
    title = "This address belongs to a member already"


class AlreadyInvited(ApiError):
    """The address has an open invitation, which can be sent again."""

    code = "already_invited"
    status = 409
    title = "This address has an open invitation already"


class SignInToAccept(ApiError):
    """Told to who holds the link, and so reads the mail of that address."""

    code = "sign_in_to_accept"
    status = 409
    title = "There is an account with this address: sign in to accept"


class InvitationForAnotherAddress(ApiError):
    """A link alone lets nobody in who is not invited."""

    code = "invitation_for_another_address"
    status = 403
    title = "This invitation is for another address than yours"


async def create_invitation(
    process: Process, tx: TenantTx, create: InvitationCreate
) -> InvitationRead:
    """Invite an address into the caller's organization, and mail the link.

    Raises RoleNotAllowed, AlreadyMember, AlreadyInvited or TooManyAttempts. Whether the address
    has an account elsewhere changes nothing.
    """
    memberships.refuse_role_above(memberships.own_role(tx), create.role)
    if await memberships.find_member(tx, create.email) is not None:
        raise AlreadyMember
    now = utc_now()
    await repository.end_expired(tx, create.email, now)
    invitation = await repository.insert_invitation(
        tx,
        uuid7(),
        email=create.email,
        role=create.role,
        invited_by=_caller_id(tx),
        now=now,
        expires_at=now + LIFETIME,
    )
    if invitation is None:
        raise AlreadyInvited
    await throttle_invitation(process, tx.tenant_id, create.email)
    await record(tx, "invitations.create", tx.tenant_id, invitation.id, [None, create.role])
    await mail(tx, tx.tenant_id, invitation.id)
    return invitation


async def list_invitations(tx: TenantTx, page: PageRequest) -> Listing[InvitationRead]:
    """The open invitations of the caller's organization, newest first."""
    return await repository.list_open(tx, page, utc_now())


async def resend_invitation(process: Process, tx: TenantTx, invitation_id: UUID) -> None:
    """Mail the same link once more.

    Raises InvitationNotFound, RoleNotAllowed or TooManyAttempts.
    """
    invitation = await _lock(tx, invitation_id)
    await throttle_resend(process, tx.tenant_id, invitation.id, invitation.email)
    await record(tx, "invitations.resend", tx.tenant_id, invitation.id, None)
    await mail(tx, tx.tenant_id, invitation.id)


async def revoke_invitation(tx: TenantTx, invitation_id: UUID) -> None:
    """Let a link die. Raises InvitationNotFound or RoleNotAllowed."""
    invitation = await _lock(tx, invitation_id)
    await repository.revoke(tx, invitation.id, utc_now())
    await record(tx, "invitations.revoke", tx.tenant_id, invitation.id, [invitation.role, None])


async def get_outgoing(tx: TenantTx, invitation_id: UUID) -> Outgoing | None:
    """What the mail says; None for an invitation that is not open any more."""
    return await repository.get_outgoing(tx, invitation_id, utc_now())


async def look_up(tx: PublicTx, settings: IdentitySettings, token: str) -> InvitationPreview:
    """What the holder of a link is invited to. Raises one of DEAD_LINKS."""
    invitation = await _find_open(tx, _id_of(settings, token))
    return InvitationPreview(
        organization=invitation.organization,
        role=Role(invitation.role),
        email=invitation.email,
        expires_at=invitation.expires_at,
    )


async def accept_as_somebody_new(
    process: Process, unit: Unit[Tx], accept: InvitationAccept
) -> MembershipRead:
    """Make an account for the invited address, whose mail has the link, and the membership.

    Raises one of DEAD_LINKS, SignInToAccept, PasswordTooWeak or SignInBusy.
    """
    invitation_id = _id_of(process.settings, accept.token)
    async with unit.transaction() as tx:
        invitation = await _find_open(tx, invitation_id)
        if await people.is_known(tx, invitation.email):
            raise SignInToAccept
    people.check_password(accept.password, invitation.email)
    # No transaction is open while the hash is computed.
    password_hash = await process.passwords.hash(accept.password)
    person_id = uuid7()
    async with transaction_of(unit, person_id) as tx:
        try:
            await people.create_person(
                tx,
                email=invitation.email,
                name=accept.name,
                password_hash=password_hash,
                person_id=person_id,
            )
        except people.EmailTaken as error:
            raise SignInToAccept from error
        return await _join(tx, invitation, person_id)


async def accept_signed_in(tx: UserTx, settings: IdentitySettings, token: str) -> MembershipRead:
    """Let the caller into the organization that has invited his own address.

    Raises one of DEAD_LINKS, InvitationForAnotherAddress, AlreadyMember, or MissingPermission for
    staff of the platform, who are members of no organization.
    """
    invitation = await _find_open(tx, _id_of(settings, token))
    caller = await people.get_profile(tx)
    if caller.platform_role is not None:
        raise MissingPermission
    if caller.email.lower() != invitation.email.lower():  # T21; both are ASCII
        raise InvitationForAnotherAddress
    return await _join(tx, invitation, caller.id)


async def _join(tx: Tx, invitation: FoundInvitation, person_id: UUID) -> MembershipRead:
    """Use an invitation for the person whom `tx` is for; the first of two who try gets in."""
    if not await repository.accept(tx, invitation.id):
        await _find_open(tx, invitation.id)
        raise AlreadyMember
    event = AuditEvent("invitations.accept", str(invitation.id), person_id=person_id)
    await tx.record(event, tenant_id=invitation.tenant_id)
    await memberships.joined(tx, invitation.tenant_id, person_id, invitation.role)
    return MembershipRead(
        tenant_id=invitation.tenant_id,
        slug=invitation.slug,
        name=invitation.organization,
        role=invitation.role,
    )


async def _find_open(tx: Tx, invitation_id: UUID) -> FoundInvitation:
    return open_invitation(await repository.find_invitation(tx, invitation_id), utc_now())


async def _lock(tx: TenantTx, invitation_id: UUID) -> InvitationRead:
    """An open invitation that the caller may deal with."""
    invitation = await repository.lock_open(tx, invitation_id, utc_now())
    if invitation is None:
        raise InvitationNotFound
    memberships.refuse_role_above(memberships.own_role(tx), invitation.role)
    return invitation


def _id_of(settings: IdentitySettings, token: str) -> UUID:
    invitation_id = read_link_token(settings, PURPOSE, token)
    if invitation_id is None:
        raise InvitationUnknown
    return invitation_id


def _caller_id(tx: TenantTx) -> UUID:
    token = tx.caller.token
    if token is None:
        raise TokenRevoked
    return token.sub


async def record(
    tx: Tx, action: str, tenant_id: UUID, invitation_id: UUID, role: list[str | None] | None
) -> None:
    """Tell the organization's trail of an invitation.

    No address: the trail is read by more people than the invitations.
    """
    changes = None if role is None else {"role": role}
    event = AuditEvent(action, resource_id=str(invitation_id), changes=changes)
    await tx.record(event, tenant_id=tenant_id)


async def mail(tx: Tx, tenant_id: UUID, invitation_id: UUID) -> None:
    """Mail the link, once `tx` has committed."""
    await queue.enqueue(tx, SEND, tenant_id=tenant_id, invitation_id=str(invitation_id))
