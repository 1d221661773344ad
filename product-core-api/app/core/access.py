"""Who may do what: the one table of roles and permissions, and the declarations made of it."""

from functools import cache
from typing import Any

from fastapi import Depends

from shared_lib.tenancy import (
    ANY_MODE,
    Access,
    AccessMode,
    Guard,
    Operation,
    Scope,
    call,
)
from shared_lib.tokens import PLATFORM_ROLES, TokenData, signing_key_id

# What the procedure `admit` takes for the access modes in which an operation works.
_MODE_BITS = {AccessMode.ACTIVE: 1, AccessMode.READ_ONLY: 2, AccessMode.BLOCKED: 4}

# Write implies read; see `_expanded`. `support_access` is consent, which is the owner's alone.
ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": frozenset(
        {
            "audit_events:read",
            "org:write",
            "popups:write",
            "support_access:write",
            "support_sessions:write",
        }
    ),
    "admin": frozenset(
        {"audit_events:read", "org:write", "popups:write", "support_sessions:write"}
    ),
    "standard": frozenset({"org:read", "popups:write"}),
    "viewer": frozenset({"org:read", "popups:read"}),
    "client": frozenset(),
    "platform_admin": frozenset(
        {
            "audit_events:read",
            "organizations:search",
            "organizations:write",
            "stats:read",
            "support_sessions:write",
        }
    ),
    "support_agent": frozenset(
        {"audit_events:read", "organizations:search", "support_sessions:write"}
    ),
}


def permissions_of(role: str | None) -> frozenset[str]:
    """What `role` may do, reads that its writes imply included. Unknown roles may nothing."""
    return _expanded(ROLE_PERMISSIONS.get(role or "", frozenset()))


def require_permission(
    resource: str,
    verb: str,
    *,
    owner_modes: frozenset[AccessMode] | None = None,
    support: bool = True,
    audited: bool = False,
) -> Any:
    """Declare that an operation on an organization's rows needs `resource:verb`.

    `owner_modes`: the access modes in which it works for owners. `support=False` keeps support
    sessions out.
    """
    return _declared(
        Scope.ORGANIZATION,
        f"{resource}:{verb}",
        owner_modes=owner_modes,
        support=support,
        audited=audited,
    )


def require_platform_permission(resource: str, verb: str, **options: Any) -> Any:
    """Declare that an operation across organizations needs `resource:verb` of the platform's.

    `options` are those of `shared_lib.tenancy.Access`.
    """
    return _declared(Scope.PLATFORM, f"{resource}:{verb}", **options)


def admission(operation: Operation, token: TokenData | None) -> str:
    """The CALL that ends the opening batch; see the procedure `admit` in the migrations."""
    if token is None:
        return ""
    modes = operation.owner_modes if token.role == "owner" else operation.modes
    return call(
        "public.admit",
        token.role == "client",
        operation.writes,
        _mode_bits(modes),
        token.tenant_id,
        token.session_id,
        token.iat,
        signing_key_id(token.kid),
    )


@cache
def _mode_bits(modes: frozenset[AccessMode]) -> int:
    """Access modes as `admit` takes them."""
    return sum(_MODE_BITS[mode] for mode in modes)


def _declared(scope: Scope, permission: str, **options: Any) -> Any:
    platform = scope is Scope.PLATFORM
    roles = frozenset(
        role
        for role in ROLE_PERMISSIONS
        if (role in PLATFORM_ROLES) == platform and permission in permissions_of(role)
    )
    if not roles:
        raise ValueError(f"no role has {permission}: add it in app/core/access.py")
    return Depends(Guard(Access(scope, permission=permission, roles=roles, **options)))


def _expanded(permissions: frozenset[str]) -> frozenset[str]:
    return permissions | {
        permission.replace(":write", ":read")
        for permission in permissions
        if permission.endswith(":write")
    }


__all__ = [
    "ANY_MODE",
    "PLATFORM_ROLES",
    "admission",
    "permissions_of",
    "require_permission",
    "require_platform_permission",
]
