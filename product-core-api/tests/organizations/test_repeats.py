"""What makes an organization, or more of its trial, makes it once under an Idempotency-Key."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import MakeOrganization

pytestmark = pytest.mark.database


async def twice(
    client: httpx.AsyncClient, token: str, path: str, body: dict[str, Any]
) -> list[httpx.Response]:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
    return [await client.post(f"/api/v1{path}", json=body, headers=headers) for _ in range(2)]


async def test_a_founding(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    person = uuid7()
    body = {"name": "Own", "slug": f"own-{uuid4().hex}"}
    first, again = await twice(client, issuer.person(sub=person), "/orgs", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    founded = "SELECT count(*) FROM organizations WHERE founder_id = $1"
    assert await admin.fetchval(founded, person) == 1


async def test_a_creation(
    client: httpx.AsyncClient, issuer: TokenIssuer, admin: asyncpg.Connection
) -> None:
    name = uuid4().hex
    body = {"name": name, "first_owner_email": "first@example.com"}
    first, again = await twice(client, issuer.platform(), "/admin/orgs", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert await admin.fetchval("SELECT count(*) FROM organizations WHERE name = $1", name) == 1


async def test_an_extension(
    issuer: TokenIssuer, make_tenant: MakeOrganization, admin: asyncpg.Connection
) -> None:
    ends = utc_now() + timedelta(days=3)
    tenant = await make_tenant(paid=False, trial_ends_at=ends)
    path, body = f"/admin/orgs/{tenant.id}/extend-trial", {"days": 7, "reason": "They asked"}
    first, again = await twice(tenant.client, issuer.platform(), path, body)
    assert (first.status_code, again.status_code) == (200, 200)
    row = "SELECT trial_ends_at FROM organizations WHERE tenant_id = $1"
    assert await admin.fetchval(row, tenant.id) == ends + timedelta(days=7)
