"""What is sent, read and shown about invitations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.modules.memberships.schemas import Role
from app.modules.people.schemas import PersonName
from shared_lib.addresses import EmailAddress
from shared_lib.web import Body

_LONGEST_PASSWORD = 4096  # far above the rule's own limit, which counts composed characters

LinkToken = Annotated[
    str, Field(max_length=200, repr=False, description="What follows `#token=` in the link")
]


@dataclass(frozen=True, slots=True)
class InvitationRead:
    """An open invitation; its link is in the mail and nowhere else.

    `invited_by` is null where the platform invited the first owner.
    """

    id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An open invitation, and who invites, for the mail that says so."""

    email: str
    role: str
    invited_by: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RevokedInvitation:
    """An invitation that has just been withdrawn."""

    id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class OwnerInvitation:
    """What became of inviting an owner: `outcome` is `invited`, or the code of the refusal.

    `revoked`: the invitations that ended for it.
    """

    outcome: str
    revoked: list[UUID]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FoundInvitation:
    """The invitation of a link, whatever has become of it, and its organization."""

    id: UUID
    tenant_id: UUID
    slug: str
    organization: str
    tenant_status: str
    email: str
    role: str
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class InvitationPreview:
    """What the holder of a link is invited to."""

    organization: str
    role: Role
    email: str
    expires_at: datetime


class InvitationCreate(Body):
    """Whom to invite, and as what."""

    email: EmailAddress
    role: Role


class OwnerInvite(Body):
    """Whom to invite as the owner of an organization that has none."""

    email: EmailAddress


class InvitationLookup(Body):
    """The token of a link."""

    token: LinkToken


class InvitationAccept(Body):
    """The token of a link, and the account that its holder makes."""

    token: LinkToken
    name: PersonName
    password: Annotated[str, Field(max_length=_LONGEST_PASSWORD, repr=False)]
