"""What keeps a support session from starting, before the identity service is asked."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization, Tenant
from tests.operations import REASON
from tests.support_sessions.factory import code

pytestmark = pytest.mark.database


async def start(tenant: Tenant, body: object, identity: object = None) -> httpx.Response:
    path = f"/api/v1/support/impersonate/{identity or tenant.id}"
    token = tenant.issuer.platform(role="support_agent")
    headers = {"Authorization": f"Bearer {token}"}
    return await tenant.client.post(path, json=body, headers=headers)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", None),
        ("reason", ""),
        ("reason", "too short"),
        ("reason", " " * 20),
        ("reason", "  short  " + " " * 20),
        ("reason", "x" * 1001),
        ("reason", "with a \x00 in it"),
        ("ticket", ""),
        ("ticket", "   "),
        ("ticket", "t" * 101),
        ("ticket", "\x00"),
        ("mode", "all"),
        ("mode", None),
        ("minutes", 0),
        ("minutes", 61),
        ("minutes", -1),
        ("minutes", 5.5),
        ("minutes", "5"),
        ("minutes", True),
        ("minutes", None),
        ("member_id", "x"),
        ("tenant_id", "00000000-0000-4000-8000-000000000000"),
        ("agent_id", "00000000-0000-4000-8000-000000000000"),
        ("role", "owner"),
    ],
)
async def test_bad_wishes_are_refused(tenant: Tenant, field: str, value: Any) -> None:
    response = await start(tenant, {"reason": REASON} | {field: value})
    assert code(response) == (422, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]


async def test_a_reason_must_be_given(tenant: Tenant) -> None:
    bodies: tuple[object, ...] = ({}, None)
    for body in bodies:
        assert code(await start(tenant, body)) == (422, "validation_failed")


@pytest.mark.parametrize("identity", ["x", "%00", "a%00b"])
async def test_bad_ids_are_refused(tenant: Tenant, identity: str) -> None:
    response = await start(tenant, {"reason": REASON}, identity)
    assert code(response) == (422, "validation_failed")


async def test_no_such_organization(tenant: Tenant) -> None:
    response = await start(tenant, {"reason": REASON}, uuid4())
    assert code(response) == (404, "organization_not_found")


@pytest.mark.parametrize(
    ("consent", "mode", "answer"),
    [
        ("off", "read_only", (403, "support_access_off")),
        ("off", "read_write", (403, "support_access_off")),
        ("read_only", "read_write", (403, "support_mode_not_allowed")),
        ("read_only", "read_only", (503, "identity_unavailable")),
        ("read_write", "read_only", (503, "identity_unavailable")),
        ("read_write", "read_write", (503, "identity_unavailable")),
    ],
)
async def test_consent_decides_and_no_row_is_left(
    admin: asyncpg.Connection,
    make_tenant: MakeOrganization,
    issuer: TokenIssuer,
    consent: str,
    mode: str,
    answer: tuple[int, str],
) -> None:
    """Whatever passes asks the identity service, which is not there."""
    tenant = await make_tenant(support_access=consent)
    response = await start(tenant, {"reason": REASON, "mode": mode})
    assert code(response) == answer
    rows = "SELECT count(*) FROM support_sessions WHERE tenant_id = $1"
    assert await admin.fetchval(rows, tenant.id) == 0
