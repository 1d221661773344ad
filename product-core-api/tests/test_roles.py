"""Who may do what: the whole matrix of principals and operations, written by hand."""

from collections.abc import Callable
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant
from tests.documented import operations
from tests.operations import RECIPES, SupportSession, World, make_world

pytestmark = pytest.mark.database

OK = "ok"
PERM = "missing_permission"
READ = "read_only"
TENANT = "tenant_required"
NONE = "missing_token"
BAD = "invalid_token"

PRINCIPALS = (
    *("owner", "admin", "standard", "viewer", "client", "service"),
    *("support", "support_rw", "support_owner", "support_rw_owner", "support_client"),
    *("person", "agent", "platform_admin", "identity", "nobody"),
)
#                                owner  admin  stand  viewer client servic
#                                supp   rw     s-own  rw-own s-cli
#                                person agent  padmin ident  nobody
_TABLE = {
    "live":                      (OK,    OK,    OK,    OK,    OK,    OK,
                                  OK,    OK,    OK,    OK,    OK,
                                  OK,    OK,    OK,    BAD,   OK),
    "ready":                     (OK,    OK,    OK,    OK,    OK,    OK,
                                  OK,    OK,    OK,    OK,    OK,
                                  OK,    OK,    OK,    BAD,   OK),
    "receive_revocations":       (BAD,   BAD,   BAD,   BAD,   BAD,   BAD,
                                  BAD,   BAD,   BAD,   BAD,   BAD,
                                  BAD,   BAD,   BAD,   OK,    NONE),
    "receive_audit_events":      (BAD,   BAD,   BAD,   BAD,   BAD,   BAD,
                                  BAD,   BAD,   BAD,   BAD,   BAD,
                                  BAD,   BAD,   BAD,   OK,    NONE),
    "receive_member":            (BAD,   BAD,   BAD,   BAD,   BAD,   BAD,
                                  BAD,   BAD,   BAD,   BAD,   BAD,
                                  BAD,   BAD,   BAD,   OK,    NONE),
    "get_me":                    (OK,    OK,    OK,    OK,    OK,    OK,
                                  OK,    OK,    OK,    OK,    OK,
                                  OK,    OK,    OK,    BAD,   NONE),
    "get_org":                   (OK,    OK,    OK,    OK,    PERM,  OK,
                                  OK,    OK,    OK,    OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "update_org":                (OK,    OK,    PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  READ,  OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "list_support_sessions":     (OK,    OK,    PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "end_support_session_of_org": (OK,   OK,    PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "update_support_access":     (OK,    PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "list_audit_events":         (OK,    OK,    PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "list_popups":               (OK,    OK,    OK,    OK,    PERM,  OK,
                                  OK,    OK,    OK,    OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "get_popup":                 (OK,    OK,    OK,    OK,    PERM,  OK,
                                  OK,    OK,    OK,    OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "create_popup":              (OK,    OK,    OK,    PERM,  PERM,  OK,
                                  READ,  OK,    READ,  OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "update_popup":              (OK,    OK,    OK,    PERM,  PERM,  OK,
                                  READ,  OK,    READ,  OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "delete_popup":              (OK,    OK,    OK,    PERM,  PERM,  OK,
                                  READ,  OK,    READ,  OK,    PERM,
                                  TENANT, TENANT, TENANT, BAD, NONE),
    "start_support_session":     (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  OK,    OK,    BAD,   NONE),
    "end_support_session":       (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  OK,    OK,    BAD,   NONE),
    "list_live_support_sessions": (PERM, PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  OK,    OK,    BAD,   NONE),
    "search_organizations":      (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  OK,    OK,    BAD,   NONE),
    "list_support_audit_events": (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  OK,    OK,    BAD,   NONE),
    "found_organization":        (OK,    OK,    OK,    OK,    OK,    PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  OK,    PERM,  PERM,  BAD,   NONE),
    "create_organization":       (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "get_organization":          (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "update_organization":       (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "extend_trial":              (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "mark_paid":                 (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "mark_unpaid":               (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "get_stats":                 (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "list_organizations":        (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "suspend_organization":      (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
    "reactivate_organization":   (PERM,  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  PERM,  PERM,  PERM,
                                  PERM,  PERM,  OK,    BAD,   NONE),
}  # fmt: skip
STATUS = {NONE: 401, BAD: 401, PERM: 403, TENANT: 403, READ: 403}


def _token(issuer: TokenIssuer, world: World, principal: str) -> str | None:
    tenant_id = world.tenant.id
    tokens: dict[str, Callable[[], str | None]] = {
        "service": lambda: issuer.service(tenant_id=tenant_id),
        "person": issuer.person,
        "agent": lambda: issuer.platform(role="support_agent", sub=world.agent_id),
        "platform_admin": issuer.platform,
        "identity": issuer.service_to_service,
        "nobody": lambda: None,
    }
    member = lambda: issuer.person(tenant_id=tenant_id, role=principal)  # noqa: E731
    return tokens.get(principal, member)()


async def _support_token(
    admin: asyncpg.Connection, issuer: TokenIssuer, world: World, principal: str
) -> str:
    role = principal.rpartition("_")[2] if principal.endswith(("owner", "client")) else "support"
    mode = "read_write" if "_rw" in principal else "read_only"
    member = None if role == "support" else uuid4()
    row = SupportSession(world.tenant.id, member_id=member, role=role, mode=mode)
    session = await row.insert(admin)
    return issuer.support(
        tenant_id=session.tenant_id,
        role=role,
        agent=session.agent_id,
        sub=member,
        sid=session.agent_sid,
        support_id=session.id,
        mode=mode,
    )


def test_the_table_is_whole(application: FastAPI) -> None:
    assert set(_TABLE) == set(operations(application))
    assert {len(row) for row in _TABLE.values()} == {len(PRINCIPALS)}


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_what_a_principal_may_do(
    admin: asyncpg.Connection,
    issuer: TokenIssuer,
    make_tenant: MakeOrganization,
    principal: str,
) -> None:
    column = PRINCIPALS.index(principal)
    answered: dict[str, str] = {}
    for name, make_call in RECIPES.items():
        world = await make_world(admin, await make_tenant())
        token: str | None = (
            await _support_token(admin, issuer, world, principal)
            if principal.startswith("support")
            else _token(issuer, world, principal)
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        call = make_call(world)
        response = await call.send(world.tenant.client, headers)
        answered[name] = call.answer(response)
        if answered[name] != OK:
            assert response.status_code == STATUS.get(answered[name]), response.text
        if response.status_code == 401:
            challenge = response.headers["www-authenticate"]
            assert ('error="invalid_token"' in challenge) == (answered[name] != NONE)
    assert answered == {name: row[column] for name, row in _TABLE.items()}


async def test_a_support_session_is_not_more_than_its_member(
    admin: asyncpg.Connection, issuer: TokenIssuer, tenant: Tenant
) -> None:
    """A viewer's, that may write: the viewer may not, so it may not."""
    row = SupportSession(tenant.id, member_id=uuid4(), role="viewer", mode="read_write")
    session = await row.insert(admin)
    token = issuer.support(
        tenant_id=tenant.id,
        role="viewer",
        agent=session.agent_id,
        sub=session.member_id,
        support_id=session.id,
        mode="read_write",
    )
    response = await tenant.client.post(
        "/api/v1/popups", json={"name": "x"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert (response.status_code, response.json()["detail"]) == (403, PERM)
