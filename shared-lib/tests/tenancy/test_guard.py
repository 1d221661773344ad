"""Whom a guard lets pass, from the token alone."""

from typing import Any
from uuid import uuid4

import pytest

from shared_lib.errors import ApiError, MissingPermission, MissingToken, TenantRequired
from shared_lib.tenancy import Access, Scope
from shared_lib.tenancy._batch import Settings, literal, opening_batch
from shared_lib.tenancy._guard import check_access
from shared_lib.tokens import Actor, Support, TokenData


def token(**claims: Any) -> TokenData:
    """Somebody who signed in and is in no organization, changed by `claims`."""
    person: dict[str, Any] = {
        "sub": uuid4(),
        "client_id": "web",
        "jti": "1",
        "iat": 1,
        "exp": 2,
        "kid": "k",
        "audience": ("product-core-api",),
        "sid": uuid4(),
        "auth_time": 1,
        "amr": ("pwd",),
        "tenant_id": None,
        "role": None,
        "act": None,
        "support": None,
    }
    return TokenData(**person | claims)


PERSON = token()
OWNER = token(tenant_id=uuid4(), role="owner")
VIEWER = token(tenant_id=uuid4(), role="viewer")
STANDARD = token(tenant_id=uuid4(), role="standard")
PROGRAM = token(tenant_id=uuid4(), role="owner", sid=None)
AGENT = token(role="support_agent")
ADMIN = token(role="platform_admin")
SERVICE = token(audience=("product-core-api/internal",), sid=None)
_ACTING = {"act": Actor(uuid4(), "support_agent"), "support": Support(uuid4(), "read_only")}
SUPPORT = token(tenant_id=uuid4(), role="support", **_ACTING)
SUPPORT_OWNER = token(tenant_id=uuid4(), role="owner", **_ACTING)
ACTING_STAFF = token(role="platform_admin", **_ACTING)
STAFF_IN_A_TENANT = token(tenant_id=uuid4(), role="platform_admin")

OWNERS = Access(Scope.ORGANIZATION, roles=frozenset({"owner"}))
STANDARDS = Access(Scope.ORGANIZATION, roles=frozenset({"standard"}))
NO_SUPPORT = Access(Scope.ORGANIZATION, support=False)
NO_PROGRAMS = Access(Scope.USER, programs=False)
PEOPLE = Access(Scope.USER, people=True)
STAFF = Access(Scope.PLATFORM, roles=frozenset({"platform_admin"}))


@pytest.mark.parametrize(
    ("access", "caller", "refusal"),
    [
        (Access(Scope.PUBLIC), None, None),
        (Access(Scope.PUBLIC), OWNER, None),
        (Access(Scope.USER), None, MissingToken),
        (Access(Scope.USER), PERSON, None),
        (Access(Scope.USER), PROGRAM, None),
        (Access(Scope.USER), SERVICE, MissingPermission),
        (Access(Scope.SERVICE), SERVICE, None),
        (Access(Scope.SERVICE), None, MissingToken),
        (Access(Scope.SERVICE), PERSON, MissingPermission),
        (Access(Scope.SERVICE), ADMIN, MissingPermission),
        (Access(Scope.ORGANIZATION), None, MissingToken),
        (Access(Scope.ORGANIZATION), PERSON, TenantRequired),
        (Access(Scope.ORGANIZATION), ADMIN, TenantRequired),
        (Access(Scope.ORGANIZATION), VIEWER, None),
        (Access(Scope.ORGANIZATION), SUPPORT, None),
        (OWNERS, OWNER, None),
        (OWNERS, PROGRAM, None),
        (OWNERS, SUPPORT_OWNER, None),
        (OWNERS, VIEWER, MissingPermission),
        (OWNERS, SUPPORT, MissingPermission),
        (STANDARDS, STANDARD, None),
        (STANDARDS, SUPPORT, None),
        (STANDARDS, OWNER, MissingPermission),
        (NO_SUPPORT, OWNER, None),
        (NO_SUPPORT, SUPPORT, MissingPermission),
        (NO_SUPPORT, SUPPORT_OWNER, MissingPermission),
        (NO_PROGRAMS, OWNER, None),
        (NO_PROGRAMS, SUPPORT, None),
        (NO_PROGRAMS, PROGRAM, MissingPermission),
        (PEOPLE, PERSON, None),
        (PEOPLE, OWNER, None),
        (PEOPLE, PROGRAM, MissingPermission),
        (PEOPLE, SUPPORT, MissingPermission),
        (PEOPLE, SUPPORT_OWNER, MissingPermission),
        (PEOPLE, AGENT, MissingPermission),
        (STAFF, ADMIN, None),
        (STAFF, AGENT, MissingPermission),
        (STAFF, OWNER, MissingPermission),
        (STAFF, ACTING_STAFF, MissingPermission),
        (STAFF, STAFF_IN_A_TENANT, MissingPermission),
        (STAFF, None, MissingToken),
    ],
)
def test_who_passes(
    access: Access, caller: TokenData | None, refusal: type[ApiError] | None
) -> None:
    if refusal is None:
        check_access(access, caller)
    else:
        with pytest.raises(refusal):
            check_access(access, caller)


@pytest.mark.parametrize("value", ["1", "'; DROP TABLE popups; --", 1.5, b"1", object()])
def test_nothing_but_ids_and_numbers_enters_the_opening_batch(value: Any) -> None:
    with pytest.raises(TypeError, match="only UUIDs and integers"):
        literal(value)
    with pytest.raises(TypeError, match="only UUIDs and integers"):
        opening_batch(Settings(tenant=value), reads_only=False)
