"""Refuses a caller from the token alone, before a connection is taken."""

from fastapi import Request

from shared_lib.errors import MissingPermission, MissingToken, TenantRequired
from shared_lib.tenancy._access import Access, Scope
from shared_lib.tokens import PLATFORM_ROLES, TokenData


class Guard:
    """The declaration of access of an operation, used as a dependency wherever it stands.

    Calling it returns the verified token, or None on a public operation. Raises MissingToken,
    TenantRequired or MissingPermission.
    """

    def __init__(self, access: Access) -> None:
        self.access = access

    async def __call__(self, request: Request) -> TokenData | None:
        token: TokenData | None = request.scope["state"]["token"]
        check_access(self.access, token)
        return token


def check_access(access: Access, token: TokenData | None) -> None:
    """Raise unless `token` may do what `access` declares. No I/O; admission does the rest."""
    check_scope(access.scope, token)
    if token is None:
        return
    if token.act is not None and not access.support:
        raise MissingPermission
    if token.sid is None and not access.programs:
        raise MissingPermission("Only people may do this: nobody is signed in to a service account")
    if access.people and not _is_a_customer(token):
        raise MissingPermission
    if access.roles is not None and passing_role(token) not in access.roles:
        raise MissingPermission


def _is_a_customer(token: TokenData) -> bool:
    """Whether a person acts for himself: no service account, support session or staff."""
    return token.sid is not None and token.act is None and token.role not in PLATFORM_ROLES


def check_scope(scope: Scope, token: TokenData | None) -> None:
    """Raise MissingToken, TenantRequired or MissingPermission unless `token` is one for `scope`."""
    if scope is Scope.PUBLIC:
        return
    if token is None:
        raise MissingToken
    if token.is_service != (scope is Scope.SERVICE):
        raise MissingPermission
    if scope is Scope.ORGANIZATION and token.tenant_id is None:
        raise TenantRequired
    if scope is Scope.PLATFORM and (token.act is not None or token.tenant_id is not None):
        raise MissingPermission


def passing_role(token: TokenData) -> str | None:
    """The role that guards look at: a support session without a chosen member is `standard`.

    What its mode forbids, admission refuses.
    """
    return "standard" if token.role == "support" else token.role
