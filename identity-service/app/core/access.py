"""Who may call what: the declarations of access, and the admission that follows from them."""

from typing import Any, Literal

from fastapi import Depends

from shared_lib.errors import MissingPermission
from shared_lib.tenancy import READ_MODES, Access, Guard, Operation, Scope, call
from shared_lib.tokens import TokenData

__all__ = ["admission", "internal", "organization", "platform", "public", "signed_in"]

# What the procedure `admit` takes for scopes and for roles, which are no UUIDs.
_SCOPES = {Scope.USER: 1, Scope.ORGANIZATION: 2, Scope.PLATFORM: 3}
_ROLES = ("owner", "admin", "standard", "viewer", "client", "platform_admin", "support_agent")


def public(
    transactions: Literal["request", "own", "none"] = "request", *, oauth: bool = False
) -> Any:
    """Declare that anybody may call the operation. `oauth`: refusals are those of RFC 6749."""
    return Depends(Guard(Access(Scope.PUBLIC, transactions=transactions, oauth=oauth)))


def signed_in(transactions: Literal["request", "own"] = "request", *, staff: bool = True) -> Any:
    """Declare that a person calls, in whatever state his organization is.

    No support session: its token is not for identity, and the declaration says so once more.
    `staff=False`: nobody of the platform's staff either.
    """
    access = Access(
        Scope.USER,
        support=False,
        programs=False,
        people=not staff,
        transactions=transactions,
    )
    return Depends(Guard(access))


def organization(*roles: str) -> Any:
    """Declare that a member with one of `roles` works on his organization's rows, in person.

    Admission refuses when it is suspended. That a trial is over, only the core knows.
    """
    access = Access(
        Scope.ORGANIZATION,
        roles=frozenset(roles),
        modes=READ_MODES,
        support=False,
        programs=False,
    )
    return Depends(Guard(access))


def platform(*roles: str, transactions: Literal["request", "own"] = "request") -> Any:
    """Declare that staff of the platform with one of `roles` work across organizations."""
    return Depends(Guard(Access(Scope.PLATFORM, roles=frozenset(roles), transactions=transactions)))


def internal() -> Any:
    """Declare that the core calls."""
    return Depends(Guard(Access(Scope.SERVICE)))


def admission(operation: Operation, token: TokenData | None) -> str:
    """The CALL that ends the opening batch; see the procedures `admit…` in the migrations.

    Raises MissingPermission for a service account: nobody signed in.
    """
    if token is None or operation.scope is Scope.PUBLIC:
        return ""
    if operation.scope is Scope.SERVICE:
        return call("public.admit_client")
    if token.sid is None:
        raise MissingPermission("Only people may do this: nobody is signed in to a service account")
    role = _ROLES.index(token.role) + 1 if token.role in _ROLES else 0
    return call("public.admit", _SCOPES[operation.scope], token.sid, role, token.iat)
