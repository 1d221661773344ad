"""What is allowed beyond the rules, each by its name: a list that people read, not a pattern."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Exceptions:
    """`roles` are all that the database has. `every_row`: table and role that see all of it,
    limited by grants. `keys`: unique across organizations. `indexes` that do not lead with the
    tenant. `definer_functions`: what runs with rights of its own, and the roles that call it.
    `triggers`: those that keep what has ended as it is. `append_only`: tables that nobody changes.
    """

    roles: tuple[str, ...]
    every_row: frozenset[tuple[str, str]]
    keys: frozenset[str]
    indexes: frozenset[str]
    definer_functions: Mapping[str, frozenset[str]] = field(hash=False)
    triggers: frozenset[str]
    global_with_tenant: frozenset[str] = frozenset()
    append_only: frozenset[str] = frozenset()


EXCEPTIONS = {
    "identity": Exceptions(
        roles=("owner", "definer", "app", "auth", "platform", "worker"),
        every_row=frozenset(
            {
                # Jobs and security events are put in by whoever changes something, also before an
                # organization is known; only the worker reads them. It deletes old kept answers.
                ("idempotency_keys", "worker"),
                ("jobs", "auth"),
                ("jobs", "platform"),
                ("jobs", "worker"),
                # What ended is told again when the databases were restored.
                ("revoked_tokens", "worker"),
                ("service_accounts", "worker"),
                ("security_events", "auth"),
                ("security_events", "platform"),
                ("security_events", "worker"),
                # A founder becomes a member, a first owner is invited, and changes of a person are
                # told to all his organizations.
                ("invitations", "worker"),
                ("memberships", "worker"),
                # Reached by the functions below, each of which names one organization or person.
                ("invitations", "definer"),
                ("memberships", "definer"),
            }
        ),
        keys=frozenset(),
        indexes=frozenset(
            {
                # Whoever follows a link or authenticates itself names no organization.
                "ix_invitations_id",
                "ix_service_account_secrets_account_id",
                "ix_service_accounts_id",
                # In which organizations is this person?
                "ix_memberships_person_id",
                # What is due, in any organization.
                "ix_jobs_due",
            }
        ),
        definer_functions={
            "accept_invitation": frozenset({"auth"}),
            "admit": frozenset({"app", "auth", "platform"}),
            "admit_client": frozenset({"worker"}),
            "find_invitation": frozenset({"auth"}),
            "find_member": frozenset({"app"}),
            "hold_active_owners": frozenset({"app"}),
            "invite_owner": frozenset({"platform"}),
            "inviter_reaches": frozenset(),  # for the other functions
            "member_profile": frozenset({"app"}),
            "solely_owned": frozenset({"platform"}),
        },
        triggers=frozenset(
            {
                "invitations_keep_ended",
                "password_resets_keep_used",
                "refresh_tokens_keep_ended",
                "service_account_secrets_keep_ended",
                "service_accounts_keep_ended",
                "sign_in_sessions_keep_ended",
                "sign_ups_keep_used",
            }
        ),
        # Where somebody signed in; read before anyone is known.
        global_with_tenant=frozenset({"sign_in_sessions"}),
    ),
    "product": Exceptions(
        roles=("owner", "definer", "app", "platform", "worker"),
        every_row=frozenset(
            {
                # A person who founds an organization has none yet whose rows he could insert.
                ("audit_events", "definer"),
                ("audit_events", "platform"),
                ("audit_events", "worker"),
                ("idempotency_keys", "worker"),
                ("jobs", "definer"),
                ("jobs", "platform"),
                ("jobs", "worker"),
                # To count members; names and addresses are not granted.
                ("members", "platform"),
                # What identity tells of any organization, and whom to tell of expired sessions.
                ("members", "worker"),
                ("organizations", "platform"),
                ("organizations", "worker"),
                ("row_history", "definer"),
                ("support_sessions", "platform"),
                ("support_sessions", "worker"),
            }
        ),
        keys=frozenset({"uq_organizations_slug"}),
        indexes=frozenset(
            {
                # Staff read across organizations.
                "ix_audit_events_of_actor",
                "ix_audit_events_of_all",
                "ix_organizations_newest",
                "ix_support_sessions_agent",
                "uq_organizations_slug",
                # What somebody has founded, before anything of it is his organization's.
                "ix_organizations_founder",
                # Admission, and the end of an agent's sign-in session.
                "ix_support_sessions_id",
                "ix_support_sessions_live_sid",
                "ix_jobs_due",
            }
        ),
        definer_functions={
            "admit": frozenset({"app", "platform", "worker"}),
            "found_organization": frozenset({"app"}),
            "record_row_history": frozenset({"owner"}),  # who makes the triggers
        },
        triggers=frozenset({"support_sessions_keep_ended"}),
        # An end that holds for one organization; read by admission only.
        global_with_tenant=frozenset({"revocations"}),
        append_only=frozenset({"audit_events", "row_history"}),
    ),
}
