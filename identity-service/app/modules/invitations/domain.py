"""How long invitations live, and what a link is worth. Pure."""

from datetime import datetime, timedelta

from app.modules.invitations.schemas import FoundInvitation
from shared_lib.errors import ApiError, TenantBlocked

LIFETIME = timedelta(days=7)


class InvitationUnknown(ApiError):
    """No link of ours, or one into an organization that is gone."""

    code = "invitation_unknown"
    status = 404
    title = "There is no such invitation"


class InvitationAccepted(ApiError):
    """Links work once."""

    code = "invitation_accepted"
    status = 410
    title = "This invitation has been accepted already"


class InvitationRevoked(ApiError):
    """Who invited has changed his mind."""

    code = "invitation_revoked"
    status = 410
    title = "This invitation has been withdrawn"


class InvitationExpired(ApiError):
    """A week has passed."""

    code = "invitation_expired"
    status = 410
    title = "This invitation has expired; ask for a new one"


DEAD_LINKS: tuple[type[ApiError], ...] = (
    InvitationUnknown,
    InvitationAccepted,
    InvitationRevoked,
    InvitationExpired,
    TenantBlocked,
)


def open_invitation(invitation: FoundInvitation | None, now: datetime) -> FoundInvitation:
    """The invitation, if it may be accepted. Raises one of DEAD_LINKS.

    One that was revoked after it expired has expired.
    """
    if invitation is None or invitation.tenant_status == "purged":
        raise InvitationUnknown
    if invitation.accepted_at is not None:
        raise InvitationAccepted
    if invitation.revoked_at is not None and invitation.revoked_at < invitation.expires_at:
        raise InvitationRevoked
    if invitation.expires_at <= now:
        raise InvitationExpired
    if invitation.tenant_status != "active":
        raise TenantBlocked
    return invitation
