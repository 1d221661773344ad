"""Somebody who creates popups under Idempotency-Keys, and what the database then holds."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from tests.conftest import Tenant

POPUPS = "/api/v1/popups"


@dataclass
class Keyed:
    """One person of an organization; every call is under `key` unless it names another."""

    tenant: Tenant
    client: httpx.AsyncClient
    sub: UUID = field(default_factory=uuid4)
    role: str = "owner"
    key: str = field(default_factory=lambda: uuid4().hex)

    def headers(self, **extra: str) -> dict[str, str]:
        own = self.tenant.headers(self.role, sub=self.sub)
        return {**own, "Idempotency-Key": self.key, **extra}

    async def post(self, body: object, path: str = POPUPS, **options: Any) -> httpx.Response:
        headers = self.headers(**options.pop("headers", {}))
        return await self.client.post(path, json=body, headers=headers, **options)

    async def create(self, name: str) -> httpx.Response:
        return await self.post({"name": name})


def replayed(response: httpx.Response) -> bool:
    assert response.headers.get("idempotency-replayed") in (None, "true")
    return "idempotency-replayed" in response.headers


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["detail"]


async def count_popups(admin: asyncpg.Connection, tenant: Tenant) -> int:
    found: int = await admin.fetchval("SELECT count(*) FROM popups WHERE tenant_id = $1", tenant.id)
    return found


async def rows_of(admin: asyncpg.Connection, actor_id: UUID) -> list[asyncpg.Record]:
    """The kept answers of an actor."""
    rows: list[asyncpg.Record] = await admin.fetch(
        "SELECT * FROM idempotency_keys WHERE actor_id = $1", actor_id
    )
    return rows


async def age(admin: asyncpg.Connection, actor_id: UUID, interval: str) -> None:
    """Make the kept answers of an actor so old."""
    await admin.execute(
        "UPDATE idempotency_keys SET created_at = now() - $2::text::interval WHERE actor_id = $1",
        actor_id,
        interval,
    )
