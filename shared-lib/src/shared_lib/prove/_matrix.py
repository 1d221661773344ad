"""The access matrix, written by hand: what every operation answers to everybody, and why.

It is not read off the code. It says once more, independently, what the rules of the product are:
what the services declare and what they do are both compared with it. A new operation has a line
here, or proving fails.

One letter is one answer:

    +  let through: whatever comes then is the operation's own business
    ?  missing_token         !  invalid_token      t  tenant_required
    x  missing_permission    b  tenant_blocked     r  read_only

and one column one principal:

    outside    nobody, person without organization, support_agent, platform_admin, other service
    active,    owner, admin, standard, viewer, client
    read_only,   service accounts: admin, standard, viewer
    blocked      support: read_only, read_write, as owner read_only, as owner read_write,
                 as viewer read_write, as client read_write

Where several refusals would be right, the first of this order is given: the token's, then
tenant_required, missing_permission, tenant_blocked, read_only. A token for another audience than
the operation's is no token at all, even where none is needed: those of the services for each other
open `/internal/` and nothing else, those of support sessions open nothing of the identity service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from typing_extensions import override

from shared_lib.prove._principals import Cell, cells_of
from shared_lib.tenancy import AccessMode

__all__ = ["MATRIX", "Answer", "Row", "cells"]


class Answer(Enum):
    """What access says: each letter of the table, and the stable code that it stands for."""

    LET_THROUGH = "+", ""
    MISSING_TOKEN = "?", "missing_token"
    INVALID_TOKEN = "!", "invalid_token"
    TENANT_REQUIRED = "t", "tenant_required"
    MISSING_PERMISSION = "x", "missing_permission"
    TENANT_BLOCKED = "b", "tenant_blocked"
    READ_ONLY = "r", "read_only"

    def __init__(self, letter: str, code: str) -> None:
        self.letter = letter
        self.code = code

    @override
    def __str__(self) -> str:
        return self.code or "let through"


@dataclass(frozen=True)
class Row:
    """What some operations answer, and the rule that says so. Spaces in the letters are nothing."""

    rule: str
    outside: str
    active: str
    read_only: str
    blocked: str
    operations: str

    def answers(self) -> dict[Cell, Answer]:
        """The answer of each cell. Raises ValueError for a letter or a column too many or few."""
        by_letter = {answer.letter: answer for answer in Answer}
        lines: dict[AccessMode | None, str] = {mode: getattr(self, mode) for mode in AccessMode}
        lines[None] = self.outside
        return {
            cell: by_letter[letter]
            for mode, line in lines.items()
            for cell, letter in zip(cells_of(mode), line.replace(" ", ""), strict=True)
        }


def cells() -> tuple[Cell, ...]:
    """Every column of the table: outside, then by access mode."""
    return tuple(chain.from_iterable(map(cells_of, (None, *AccessMode))))


_CORE = (
    Row(
        "public, but a token that is sent must be a good one",
        outside="++++!",
        active="+++++ +++ ++++++",
        read_only="+++++ +++ ++++++",
        blocked="+++++ +++ ++++++",
        operations="live ready get_audit_keys",
    ),
    Row(
        "whoever is signed in asks who he is, whatever his organization may do; an agent in a "
        "support session sees as whom he acts",
        outside="?+++!",
        active="+++++ +++ ++++++",
        read_only="+++++ +++ ++++++",
        blocked="+++++ +++ ++++++",
        operations="get_me",
    ),
    Row(
        "people found organizations, of their own accord: no program, no staff of the platform, "
        "nobody in another's name; that the present one is blocked is no matter of the next",
        outside="?+xx!",
        active="+++++ xxx xxxxxx",
        read_only="+++++ xxx xxxxxx",
        blocked="+++++ xxx xxxxxx",
        operations="found_organization",
    ),
    Row(
        "business data, read: the staff of an organization, not its customers; support always",
        outside="?ttt!",
        active="++++x +++ +++++x",
        read_only="++++x +++ +++++x",
        blocked="bbbbx bbb +++++x",
        operations="list_popups get_popup",
    ),
    Row(
        "business data, written: standard and above in an active organization; support by a "
        "session that may write, as far as the member could whom it borrows",
        outside="?ttt!",
        active="+++xx ++x r+r+xx",
        read_only="rrrxx rrx rrrrxx",
        blocked="bbbxx bbx bbbbxx",
        operations="create_popup update_popup delete_popup",
    ),
    Row(
        "the profile of the organization, read: as business data, and an owner sees even a "
        "blocked one, or he could not know why",
        outside="?ttt!",
        active="++++x +++ +++++x",
        read_only="++++x +++ +++++x",
        blocked="+bbbx bbb +++++x",
        operations="get_org",
    ),
    Row(
        "the profile of the organization, written: owner and admin",
        outside="?ttt!",
        active="++xxx +xx xxr+xx",
        read_only="rrxxx rxx xxrrxx",
        blocked="bbxxx bxx xxbbxx",
        operations="update_org",
    ),
    Row(
        "who of support is or was there, and what happened: owner and admin, the owner even in a "
        "blocked organization; support sees it as one of them only",
        outside="?ttt!",
        active="++xxx +xx xx++xx",
        read_only="++xxx +xx xx++xx",
        blocked="+bxxx bxx xx++xx",
        operations="list_support_sessions list_audit_events",
    ),
    Row(
        "the customer ends a support session: owner and admin, the owner whatever the "
        "organization may do; support never, in whoever's name",
        outside="?ttt!",
        active="++xxx +xx xxxxxx",
        read_only="+rxxx rxx xxxxxx",
        blocked="+bxxx bxx xxxxxx",
        operations="end_support_session_of_org",
    ),
    Row(
        "consent to support is the owner's alone, always; never support's own",
        outside="?ttt!",
        active="+xxxx xxx xxxxxx",
        read_only="+xxxx xxx xxxxxx",
        blocked="+xxxx xxx xxxxxx",
        operations="update_support_access",
    ),
    Row(
        "the platform's support: agents and admins; never with a token of an organization",
        outside="?x++!",
        active="xxxxx xxx xxxxxx",
        read_only="xxxxx xxx xxxxxx",
        blocked="xxxxx xxx xxxxxx",
        operations="""start_support_session end_support_session list_live_support_sessions
            search_organizations list_support_audit_events""",
    ),
    Row(
        "organizations as such, and their numbers: the platform's admins",
        outside="?xx+!",
        active="xxxxx xxx xxxxxx",
        read_only="xxxxx xxx xxxxxx",
        blocked="xxxxx xxx xxxxxx",
        operations="""create_organization list_organizations get_organization update_organization
            extend_trial mark_paid mark_unpaid suspend_organization reactivate_organization
            get_stats""",
    ),
    Row(
        "facts that identity tells: identity alone, by a token for this and nothing else",
        outside="?!!!+",
        active="!!!!! !!! !!!!!!",
        read_only="!!!!! !!! !!!!!!",
        blocked="!!!!! !!! !!!!!!",
        operations="receive_member receive_revocations receive_audit_events",
    ),
)

_IDENTITY = (
    Row(
        "public: who signs in, signs up, holds a link or verifies tokens is nobody yet",
        outside="++++!",
        active="+++++ +++ !!!!!!",
        read_only="+++++ +++ !!!!!!",
        blocked="+++++ +++ !!!!!!",
        operations="""issue_token revoke_token introspect_token get_jwks
            get_authorization_server_metadata get_authorization_server_metadata_of_path
            create_sign_up complete_sign_up create_password_reset complete_password_reset
            lookup_invitation accept_invitation live ready""",
    ),
    Row(
        "one's own account and sign-in sessions: people, staff of the platform too, whatever "
        "their organization may do; a program has none",
        outside="?+++!",
        active="+++++ xxx !!!!!!",
        read_only="+++++ xxx !!!!!!",
        blocked="+++++ xxx !!!!!!",
        operations="""get_me update_me change_password list_sessions end_session logout
            logout_everywhere""",
    ),
    Row(
        "who is invited joins, whatever his present organization may do; staff of the platform "
        "are members of none",
        outside="?+xx!",
        active="+++++ xxx !!!!!!",
        read_only="+++++ xxx !!!!!!",
        blocked="+++++ xxx !!!!!!",
        operations="join_by_invitation",
    ),
    Row(
        "who works here: the staff of the organization. That a trial is over is the core's "
        "knowledge and no matter here: who must pay must be found, and who left must go",
        outside="?ttt!",
        active="++++x xxx !!!!!!",
        read_only="++++x xxx !!!!!!",
        blocked="bbbbx xxx !!!!!!",
        operations="list_members",
    ),
    Row(
        "a member leaves by himself",
        outside="?ttt!",
        active="+++++ xxx !!!!!!",
        read_only="+++++ xxx !!!!!!",
        blocked="bbbbb xxx !!!!!!",
        operations="leave_organization",
    ),
    Row(
        "members, invitations and service accounts are managed by owner and admin in person",
        outside="?ttt!",
        active="++xxx xxx !!!!!!",
        read_only="++xxx xxx !!!!!!",
        blocked="bbxxx xxx !!!!!!",
        operations="""update_member remove_member
            create_invitation list_invitations resend_invitation revoke_invitation
            list_service_accounts create_service_account get_service_account
            revoke_service_account create_service_account_secret revoke_service_account_secret""",
    ),
    Row(
        "people of all organizations, owners that are missing, signing keys: platform admins",
        outside="?xx+!",
        active="xxxxx xxx !!!!!!",
        read_only="xxxxx xxx !!!!!!",
        blocked="xxxxx xxx !!!!!!",
        operations="""list_people get_person deactivate_person reactivate_person invite_owner
            list_signing_keys revoke_signing_key""",
    ),
    Row(
        "facts that the core tells: the core alone, by a token for this and nothing else",
        outside="?!!!+",
        active="!!!!! !!! !!!!!!",
        read_only="!!!!! !!! !!!!!!",
        blocked="!!!!! !!! !!!!!!",
        operations="receive_tenant",
    ),
)


def _by_operation(rows: tuple[Row, ...]) -> Iterator[tuple[str, Row]]:
    for row in rows:
        for operation in row.operations.split():
            yield operation, row


MATRIX: Mapping[str, Mapping[str, Row]] = {
    "product-core-api": dict(_by_operation(_CORE)),
    "identity-service": dict(_by_operation(_IDENTITY)),
}
"""By service and operationId."""
