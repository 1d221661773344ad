"""Verification keys while the identity service is down, and callers without any token."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest

from app.core.anonymous import PUBLIC_ORGANIZATION
from app.core.keys import StoredKeySet
from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.settings import SettingsError
from shared_lib.tenancy import Database
from shared_lib.testing.jwks_server import serve_issuer
from shared_lib.testing.mail import REAL_MAIL
from shared_lib.testing.ports import reserved_port
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import make_settings, open_client
from tests.operations import insert_popup

pytestmark = pytest.mark.database


@pytest.fixture
async def clone(cluster: Cluster) -> AsyncIterator[str]:
    async with cluster.clone() as name:
        yield name


@pytest.fixture
def port() -> Iterator[int]:
    """That of the identity service, and nobody else's when it is down."""
    with reserved_port() as reserved:
        yield reserved


async def me(client: httpx.AsyncClient, token: str) -> tuple[int, str]:
    response = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    return response.status_code, "" if response.is_success else response.json()["detail"]


async def test_known_keys_outlive_the_identity_service(
    cluster: Cluster, clone: str, port: int
) -> None:
    """In a process that goes on, and in one that starts anew from its database."""
    with serve_issuer(port) as issuer:
        settings = make_settings(cluster, clone, issuer.issuer)
        running = create_app(settings)
        lifespan = running.router.lifespan_context(running)
        await lifespan.__aenter__()
        async with open_client(running) as client:
            assert await me(client, issuer.person()) == (200, "")
    unknown = TokenIssuer(issuer.issuer, number=1).person()
    async with open_client(running) as client:
        assert await me(client, issuer.person()) == (200, "")
    await lifespan.__aexit__(None, None, None)
    restarted = create_app(settings)
    async with restarted.router.lifespan_context(restarted), open_client(restarted) as client:
        assert await me(client, issuer.person()) == (200, "")
        assert await me(client, unknown) == (503, "keys_unavailable")
        assert (await client.get("/health/ready")).status_code == 200


async def test_without_any_key_nobody_is_turned_away_for_good(
    cluster: Cluster, clone: str, port: int
) -> None:
    with serve_issuer(port) as issuer:
        settings = make_settings(cluster, clone, issuer.issuer)
    app = create_app(settings)
    async with app.router.lifespan_context(app), open_client(app) as client:
        assert await me(client, issuer.person()) == (503, "keys_unavailable")
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503


@pytest.fixture
async def open_house(
    cluster: Cluster, clone: str, issuer: TokenIssuer
) -> AsyncIterator[tuple[asyncpg.Connection, httpx.AsyncClient]]:
    """The application with REQUIRE_AUTH=false, and its superuser."""
    admin = await asyncpg.connect(cluster.admin_url(clone))
    app = create_app(make_settings(cluster, clone, issuer.issuer, require_auth=False))
    async with app.router.lifespan_context(app), open_client(app) as client:
        yield admin, client
    await admin.close()


async def test_callers_without_a_token_are_members_of_the_public_organization(
    open_house: tuple[asyncpg.Connection, httpx.AsyncClient], issuer: TokenIssuer
) -> None:
    admin, client = open_house
    assert (await client.get("/api/v1/popups")).json()["detail"] == "tenant_blocked"
    private = await admin.fetchval("SELECT gen_random_uuid()")
    for tenant_id, slug in ((PUBLIC_ORGANIZATION, "public"), (private, "private")):
        await admin.execute(
            "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
            " created_at, updated_at, version)"
            " VALUES ($1, $2, $2, 'active', true, 'off', now(), now(), 1)",
            *(tenant_id, slug),
        )
        await insert_popup(admin, tenant_id, f"Of the {slug} one")
    listed = (await client.get("/api/v1/popups")).json()["results"]
    assert [popup["name"] for popup in listed] == ["Of the public one"]
    assert (await client.post("/api/v1/popups", json={"name": "x"})).status_code == 201
    refused = await client.patch("/api/v1/org", json={"name": "x"})
    assert refused.json()["detail"] == "missing_permission"
    assert (await client.get("/api/v1/admin/orgs")).json()["detail"] == "missing_permission"
    internal = await client.post("/internal/revocations", json={})
    assert (internal.status_code, internal.json()["detail"]) == (401, "missing_token")
    headers = {"Authorization": f"Bearer {issuer.person(tenant_id=private)}"}
    own = (await client.get("/api/v1/popups", headers=headers)).json()["results"]
    assert [popup["name"] for popup in own] == ["Of the private one"]
    bad = await client.get("/api/v1/popups", headers={"Authorization": "Bearer x.y.z"})
    assert (bad.status_code, bad.json()["detail"]) == (401, "invalid_token")


def test_production_wants_tokens(cluster: Cluster, database_name: str) -> None:
    secure = {
        "environment": "production",
        "client_secret": "s" * 43,
        "allowed_origins": ("https://app.example.com",),
        **REAL_MAIL,
    }
    issuer = "https://identity.example.com"
    make_settings(cluster, database_name, issuer, **secure)
    with pytest.raises(SettingsError, match="REQUIRE_AUTH"):
        make_settings(cluster, database_name, issuer, **secure, require_auth=False)


async def test_the_stored_set_is_reached_when_every_connection_was_used(
    settings: CoreSettings,
) -> None:
    url = settings.worker_database_url.get_secret_value()
    database = Database(url, pool_size=1, pool_timeout=1, application_name="test")
    try:
        await database.check()
        await StoredKeySet(database).load()
        await database.check()
    finally:
        await database.aclose()
