"""What is allowed beyond the rules, each by its name: a list that people read, not a pattern."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Exceptions:
    """`every_row`: table and role that see all of it, limited by grants. `keys`: unique across
    organizations. `definer_functions`: what runs with rights of its own, and the roles that call
    it. `triggers`: they keep what has ended as it is. `of_actors`: bound to whoever acts, not to a
    tenant.
    """

    every_row: frozenset[tuple[str, str]]
    keys: frozenset[str]
    definer_functions: Mapping[str, frozenset[str]] = field(hash=False)
    triggers: frozenset[str]
    global_with_tenant: frozenset[str] = frozenset()
    of_actors: frozenset[str] = frozenset()


EXCEPTIONS = {
    "identity": Exceptions(
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
    ),
    "product": Exceptions(
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
        definer_functions={
            "admit": frozenset({"app", "platform", "worker"}),
            "found_organization": frozenset({"app"}),
            "record_row_history": frozenset({"owner"}),  # who makes the triggers
        },
        triggers=frozenset({"support_sessions_keep_ended"}),
        # An end that holds for one organization; read by admission only.
        global_with_tenant=frozenset({"revocations"}),
    ),
}
