"""What one request costs on the wire, counted there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.core.settings import CoreSettings
from shared_lib.testing.wire import Wire, counted
from tests.conftest import Tenant
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database


@dataclass
class Counted:
    client: httpx.AsyncClient
    wire: Wire

    async def request(self, method: str, path: str, **options: object) -> int:
        """Round trips of a request that every connection has seen before."""
        answers = []
        for _ in range(2):
            self.wire.round_trips = 0
            answers.append(await self.client.request(method, path, **options))  # type: ignore[arg-type]
        assert answers[-1].is_success, answers[-1].text
        return self.wire.round_trips


@pytest.fixture
async def core(settings: CoreSettings) -> AsyncIterator[Counted]:
    async with counted(settings.app_database_url.get_secret_value()) as wire:
        url = SecretStr(wire.url(settings.app_database_url.get_secret_value()))
        async with serve(settings, app_database_url=url, database_pool_size=1) as client:
            yield Counted(client, wire)


async def test_a_request_costs_three_round_trips(core: Counted, tenant: Tenant) -> None:
    popup = (await tenant.call("POST", "/popups", json={"name": "One"})).json()
    headers = tenant.headers()
    path = "/api/v1/popups"
    assert await core.request("GET", f"{path}?cursor=", headers=headers) == 3
    assert await core.request("GET", f"{path}/{popup['id']}", headers=headers) == 3
    change = {"headers": headers, "json": {"tagline": "two"}}
    assert await core.request("PATCH", f"{path}/{popup['id']}", **change) == 3


async def test_a_create_costs_three_round_trips(core: Counted, tenant: Tenant) -> None:
    counts = []
    for _ in range(3):
        core.wire.round_trips = 0
        created = await core.client.post(
            "/api/v1/popups", headers=tenant.headers(), json={"name": uuid4().hex}
        )
        assert created.status_code == 201
        counts.append(core.wire.round_trips)
    assert counts[1:] == [3, 3]


async def test_a_key_costs_two_more_and_its_repetition_three(core: Counted, tenant: Tenant) -> None:
    path = "/api/v1/popups"
    headers = tenant.headers()
    await core.client.post(path, headers=headers, json={"name": uuid4().hex})
    counts = []
    for name in ("First", "Second"):
        keyed = headers | {"Idempotency-Key": name}
        for _ in range(2):
            core.wire.round_trips = 0
            answer = await core.client.post(path, headers=keyed, json={"name": name})
            assert answer.status_code == 201
            counts.append(core.wire.round_trips)
    assert counts[2:] == [5, 3]


async def test_a_list_that_counts_costs_one_more(core: Counted, tenant: Tenant) -> None:
    assert await core.request("GET", "/api/v1/popups", headers=tenant.headers()) == 4


async def test_a_handler_without_sql_is_admitted_in_two(core: Counted, tenant: Tenant) -> None:
    assert await core.request("GET", "/api/v1/me", headers=tenant.headers()) == 2


async def test_a_read_under_support_costs_six(
    core: Counted, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    agent, session = uuid4(), uuid4()
    await admin.execute(
        "INSERT INTO support_sessions (tenant_id, id, agent_id, agent_sid, role, mode, reason,"
        " started_at, expires_at)"
        " VALUES ($1, $2, $3, $3, 'support', 'read_only', 'counting round trips', now(),"
        " now() + interval '1 minute')",
        tenant.id,
        session,
        agent,
    )
    token = tenant.issuer.support(tenant_id=tenant.id, agent=agent, support_id=session)
    headers = {"Authorization": f"Bearer {token}"}
    assert await core.request("GET", "/api/v1/popups?cursor=", headers=headers) == 6


async def test_a_refused_token_costs_none(core: Counted) -> None:
    core.wire.round_trips = 0
    answer = await core.client.get("/api/v1/popups", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401
    assert core.wire.round_trips == 0
