"""The guards that routes written against this service use."""

from collections.abc import Iterable

from app.core.access import PLATFORM_ROLES, ROLE_PERMISSIONS
from shared_lib.tenancy import Access, Guard, Scope
from shared_lib.tokens import TokenData

__all__ = [
    "RoleChecker",
    "TokenData",
    "get_current_admin",
    "get_current_user",
    "require_admin",
]


class RoleChecker(Guard):
    """Lets the named roles pass: those of an organization, or those of the platform.

    Raises ValueError for an unknown role, and for a mixture: no transaction can serve both.
    """

    def __init__(self, allowed_roles: Iterable[str]) -> None:
        roles = frozenset(allowed_roles)
        if unknown := roles - ROLE_PERMISSIONS.keys() or not roles:
            raise ValueError(f"no such role: {unknown}")
        platform = roles <= PLATFORM_ROLES
        if not platform and roles & PLATFORM_ROLES:
            raise ValueError("roles of the platform and of organizations cannot be mixed")
        super().__init__(Access(Scope.PLATFORM if platform else Scope.ORGANIZATION, roles=roles))


get_current_user = Guard(Access(Scope.USER))
get_current_admin = RoleChecker(["owner", "admin"])
require_admin = get_current_admin
