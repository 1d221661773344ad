"""Service accounts of organizations, as the core knows them: by their tokens."""

from uuid import UUID

import asyncpg
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.forgery import claims_of
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import Tenant
from tests.operations import SupportSession
from tests.revocations.test_revocations import REVOKED, deliver, look, revocation

pytestmark = pytest.mark.database


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("role", "read", "write", "log"),
    [("admin", 200, 201, 200), ("standard", 200, 201, 403), ("viewer", 200, 403, 403)],
)
async def test_an_account_may_do_what_members_of_its_role_may(
    tenant: Tenant, issuer: TokenIssuer, role: str, read: int, write: int, log: int
) -> None:
    headers = bearer(issuer.service(tenant_id=tenant.id, role=role))
    client = tenant.client
    assert (await client.get("/api/v1/popups", headers=headers)).status_code == read
    made = await client.post("/api/v1/popups", headers=headers, json={"name": f"Of {role}"})
    assert made.status_code == write
    assert (await client.get("/api/v1/org/audit-log", headers=headers)).status_code == log
    assert (await client.get("/api/v1/support/orgs", headers=headers)).status_code == 403


async def test_its_writes_carry_its_name(
    admin: asyncpg.Connection, tenant: Tenant, issuer: TokenIssuer
) -> None:
    account = uuid7()
    headers = bearer(issuer.service(tenant_id=tenant.id, role="admin", sub=account))
    made = await tenant.client.post("/api/v1/popups", headers=headers, json={"name": "Mine"})
    history = await admin.fetchrow(
        "SELECT actor_id, operation FROM row_history WHERE row_id = $1", UUID(made.json()["id"])
    )
    assert tuple(history) == (account, "INSERT")

    session = await SupportSession(tenant.id).insert(admin)
    path = f"/api/v1/org/support-sessions/{session.id}"
    assert (await tenant.client.delete(path, headers=headers)).status_code == 204
    event = await admin.fetchrow(
        "SELECT action, actor_id, actor_role, subject_id FROM audit_events WHERE tenant_id = $1",
        tenant.id,
    )
    assert tuple(event) == ("support_sessions.end", account, "admin", account)


async def test_a_token_that_was_given_back_ends_alone(tenant: Tenant, issuer: TokenIssuer) -> None:
    """It belongs to no sign-in session: it is one by itself, named by its `jti`."""
    account = uuid7()
    token, other = [issuer.service(tenant_id=tenant.id, sub=account) for _ in range(2)]
    jti = UUID(claims_of(token)["jti"])
    person = issuer.person(tenant_id=tenant.id)
    await deliver(tenant.client, issuer, revocation("session", jti))
    for path in ("/api/v1/popups", "/api/v1/me"):
        assert await look(tenant.client, token, path) == REVOKED
        assert (await look(tenant.client, other, path))[0] == 200
    # A person's token ends with its session, not by its own name.
    person_jti = UUID(claims_of(person)["jti"])
    await deliver(tenant.client, issuer, revocation("session", person_jti))
    assert (await look(tenant.client, person))[0] == 200
