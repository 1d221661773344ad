"""The call that ends an opening batch: what the procedure of admission is given."""

from uuid import UUID

import pytest

from app.core.access import admission
from shared_lib.errors import MissingPermission
from shared_lib.tenancy import Operation, Scope
from shared_lib.tokens import TokenData

SESSION = UUID(int=7)
# As the procedure's own list has them, in the migrations.
NUMBERS = {
    "owner": 1,
    "admin": 2,
    "standard": 3,
    "viewer": 4,
    "client": 5,
    "platform_admin": 6,
    "support_agent": 7,
    "something_new": 0,
    None: 0,
}
SCOPES = {Scope.USER: 1, Scope.ORGANIZATION: 2, Scope.PLATFORM: 3}


def operation(scope: Scope) -> Operation:
    return Operation(
        name="look",
        action="things.look",
        accesses=(),
        scope=scope,
        writes=False,
        modes=frozenset(),
        owner_modes=frozenset(),
        audited=False,
        tenant_parameter=None,
        oauth=False,
        transactions="request",
        idempotent=None,
    )


def token(role: str | None = "owner", sid: UUID | None = SESSION) -> TokenData:
    return TokenData(
        sub=UUID(int=1),
        client_id="web",
        jti="1",
        iat=1000,
        exp=2000,
        kid="1",
        audience=("identity-service",),
        sid=sid,
        auth_time=None,
        amr=(),
        tenant_id=UUID(int=2),
        role=role,
        act=None,
        support=None,
    )


@pytest.mark.parametrize("role", NUMBERS)
def test_each_role_has_the_number_that_the_procedure_knows(role: str | None) -> None:
    expected = f"CALL public.admit(2, '{SESSION}', {NUMBERS[role]}, 1000)"
    assert admission(operation(Scope.ORGANIZATION), token(role)) == expected


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_has_the_number_that_the_procedure_knows(scope: Scope) -> None:
    expected = f"CALL public.admit({SCOPES[scope]}, '{SESSION}', 1, 1000)"
    assert admission(operation(scope), token()) == expected


@pytest.mark.parametrize("scope", SCOPES)
def test_who_has_not_signed_in_is_never_admitted(scope: Scope) -> None:
    """Even where a guard would let a service account through."""
    with pytest.raises(MissingPermission, match="Only people may do this"):
        admission(operation(scope), token(sid=None))


def test_our_own_services_are_admitted_by_their_row() -> None:
    assert admission(operation(Scope.SERVICE), token(sid=None)) == "CALL public.admit_client()"


def test_what_is_public_admits_nobody() -> None:
    assert admission(operation(Scope.PUBLIC), token()) == ""
    assert admission(operation(Scope.USER), None) == ""
