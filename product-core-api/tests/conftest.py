"""What every test of the core stands on: its database, the application, and signed tokens."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.ids import uuid7
from shared_lib.tenancy import ServiceApp
from shared_lib.testing.jwks_server import serve_issuer
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.documented import Undocumented

MakeOrganization = Callable[..., Awaitable["Tenant"]]


@dataclass(frozen=True)
class Tenant:
    """An organization of one test, and calls by people of it."""

    id: UUID
    slug: str
    client: httpx.AsyncClient
    issuer: TokenIssuer

    def headers(self, role: str = "owner", **options: object) -> dict[str, str]:
        """Who calls: somebody with `role` here."""
        token = self.issuer.person(tenant_id=self.id, role=role, **options)  # type: ignore[arg-type]
        return {"Authorization": f"Bearer {token}"}

    async def call(
        self, method: str, path: str, *, role: str = "owner", json: object = None
    ) -> httpx.Response:
        """One request by somebody with `role` here; `path` is below /api/v1."""
        return await self.client.request(
            method, f"/api/v1{path}", headers=self.headers(role), json=json
        )


@pytest.fixture(scope="session")
def issuer() -> Iterator[TokenIssuer]:
    with serve_issuer() as served:
        yield served


def make_settings(cluster: Cluster, database: str, issuer: str, **changes: Any) -> CoreSettings:
    values: dict[str, Any] = {
        "environment": "development",
        "issuer": issuer,
        "jwks_url": f"{issuer}/.well-known/jwks.json",
        "identity_url": issuer,
        "client_secret": "core-secret-of-the-tests",
        "app_database_url": cluster.url(database, "product_app"),
        "platform_database_url": cluster.url(database, "product_platform"),
        "worker_database_url": cluster.url(database, "product_worker"),
        "allowed_origins": ("http://localhost:3000",),
        "database_pool_size": 4,
    }
    return CoreSettings(**{**values, **changes})


@pytest.fixture(scope="session")
def settings(cluster: Cluster, database_name: str, issuer: TokenIssuer) -> CoreSettings:
    return make_settings(cluster, database_name, issuer.issuer)


@pytest.fixture(scope="session")
async def admin(cluster: Cluster, database_name: str) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, for arranging and for looking behind the policies."""
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def application(settings: CoreSettings) -> AsyncIterator[ServiceApp]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


def open_client(application: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://core")


@pytest.fixture(scope="session")
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application; at its end, every answer must have been one that is documented."""
    undocumented = Undocumented(application)
    async with open_client(application) as opened:
        opened.event_hooks["response"].append(undocumented)
        yield opened
    assert not undocumented.found, "undocumented answers:\n" + "\n".join(sorted(undocumented.found))


@pytest.fixture(scope="session")
def make_tenant(
    admin: asyncpg.Connection, client: httpx.AsyncClient, issuer: TokenIssuer
) -> MakeOrganization:
    async def make(
        *,
        status: str = "active",
        paid: bool = True,
        trial_ends_at: datetime | None = None,
        support_access: str = "read_only",
    ) -> Tenant:
        tenant_id = uuid7()
        slug = f"org-{tenant_id.hex}"
        await admin.execute(
            "INSERT INTO organizations (tenant_id, slug, name, status, paid, trial_ends_at,"
            " support_access, created_at, updated_at, version)"
            " VALUES ($1, $2, 'Test', $3, $4, $5, $6, now(), now(), 1)",
            tenant_id,
            slug,
            status,
            paid,
            trial_ends_at,
            support_access,
        )
        return Tenant(tenant_id, slug, client, issuer)

    return make


@pytest.fixture
async def tenant(make_tenant: MakeOrganization) -> Tenant:
    return await make_tenant()


@pytest.fixture
async def other(make_tenant: MakeOrganization) -> Tenant:
    return await make_tenant()
