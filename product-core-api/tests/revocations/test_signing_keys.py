"""A revoked signing key: none of its tokens opens anything, in any process, for good."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.core.settings import CoreSettings
from app.main import create_app
from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from shared_lib.testing.jwks_server import serve_issuers
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import signing_key_id
from tests.conftest import make_settings, open_client
from tests.revocations.test_revocations import REVOKED, deliver, look, revocation

pytestmark = pytest.mark.database

UNKNOWN = (401, "invalid_token")


@pytest.fixture
def issuers() -> Iterator[list[TokenIssuer]]:
    """Two keys of one issuer: the one that is revoked, and the one that signs after it."""
    with serve_issuers(2) as served:
        yield served


@pytest.fixture
async def own_settings(cluster: Cluster, issuers: list[TokenIssuer]) -> AsyncIterator[CoreSettings]:
    async with cluster.clone() as name:
        yield make_settings(cluster, name, issuers[0].issuer)


@pytest.fixture
async def own_admin(cluster: Cluster, own_settings: CoreSettings) -> AsyncIterator[Any]:
    name = own_settings.worker_database_url.get_secret_value().rpartition("/")[2]
    connection = await asyncpg.connect(cluster.admin_url(name))
    yield connection
    await connection.close()


@asynccontextmanager
async def process(settings: CoreSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    async with app.router.lifespan_context(app), open_client(app) as client:
        yield client


def of_key(issuer: TokenIssuer) -> dict[str, Any]:
    ended_at = utc_now().isoformat()
    kid = issuer.signing_key.kid
    return {"id": str(uuid7()), "kind": "signing_key", "subject_id": kid, "ended_at": ended_at}


async def test_its_tokens_open_nothing_in_any_process(
    issuers: list[TokenIssuer], own_settings: CoreSettings, own_admin: asyncpg.Connection
) -> None:
    revoked, other = issuers
    tenant_id = uuid7()
    await own_admin.execute(
        "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
        " created_at, updated_at, version)"
        " VALUES ($1, 'acme', 'Acme', 'active', true, 'off', now(), now(), 1)",
        tenant_id,
    )
    tokens = {
        "/api/v1/popups": revoked.person(tenant_id=tenant_id),
        "/api/v1/me": revoked.person(),
        "/api/v1/org": revoked.service(tenant_id=tenant_id),
        "/api/v1/admin/orgs": revoked.platform(),
    }
    async with process(own_settings) as here, process(own_settings) as elsewhere:
        for client in (here, elsewhere):
            for path, token in tokens.items():
                assert await look(client, token, path) == (200, ""), path
        # Still published, as by a cache on the way: admission alone knows.
        await deliver(here, other, of_key(revoked))
        for client in (here, elsewhere):
            for path, token in tokens.items():
                assert await look(client, token, path) == REVOKED, path
            assert await look(client, other.person(tenant_id=tenant_id)) == (200, "")
        told = await elsewhere.post(
            "/internal/revocations",
            json={"revocations": [revocation("session", uuid7())]},
            headers={"Authorization": f"Bearer {revoked.service_to_service()}"},
        )
        assert (told.status_code, told.json()["detail"]) == REVOKED
    async with process(own_settings) as restarted:
        assert await look(restarted, revoked.person(), "/api/v1/me") == REVOKED


async def test_it_leaves_the_key_set_where_the_fact_arrives(
    issuers: list[TokenIssuer], own_settings: CoreSettings, own_admin: asyncpg.Connection
) -> None:
    revoked, other = issuers
    token = revoked.person()
    async with process(own_settings) as client:
        assert await look(client, token, "/api/v1/me") == (200, "")
        issuers.remove(revoked)
        await deliver(client, other, of_key(revoked))
        seen = [await look(client, token, "/api/v1/me")]
        async with asyncio.timeout(30):
            while seen[-1] != UNKNOWN:
                assert seen[-1] == REVOKED
                seen.append(await look(client, token, "/api/v1/me"))
        assert await look(client, other.person(), "/api/v1/me") == (200, "")
    # What a restart begins with.
    stored = await own_admin.fetchval("SELECT document::text FROM stored_key_sets")
    assert other.signing_key.kid in stored
    assert revoked.signing_key.kid not in stored


async def test_it_is_never_forgotten(
    issuers: list[TokenIssuer], own_settings: CoreSettings, own_admin: asyncpg.Connection
) -> None:
    revoked, other = issuers
    session = uuid7()
    async with process(own_settings) as client:
        await deliver(client, other, of_key(revoked), revocation("session", session))
        age = "UPDATE revocations SET received_at = received_at - $1::interval"
        await own_admin.execute(age, timedelta(days=400))
        await deliver(client, other, revocation("session", uuid7()))
        kept = await own_admin.fetch("SELECT subject_id FROM revocations")
        subjects = {row["subject_id"] for row in kept}
        assert signing_key_id(revoked.signing_key.kid) in subjects
        assert session not in subjects
        assert await look(client, revoked.person(), "/api/v1/me") == REVOKED


async def test_repeating_it_changes_nothing(
    issuers: list[TokenIssuer], own_settings: CoreSettings, own_admin: asyncpg.Connection
) -> None:
    revoked, other = issuers
    async with process(own_settings) as client:
        for _ in range(3):
            await deliver(client, other, of_key(revoked), of_key(revoked))
        assert await own_admin.fetchval("SELECT count(*) FROM revocations") == 1
        assert await look(client, revoked.person(), "/api/v1/me") == REVOKED


async def test_a_key_that_nobody_knows_yet_is_refused_when_it_appears(
    issuers: list[TokenIssuer], own_settings: CoreSettings
) -> None:
    revoked, other = issuers
    issuers.remove(revoked)
    async with process(own_settings) as client:
        await deliver(client, other, of_key(revoked))
        issuers.append(revoked)
        assert await look(client, revoked.person(), "/api/v1/me") == REVOKED


async def test_a_service_of_the_version_before_is_admitted(own_admin: asyncpg.Connection) -> None:
    await own_admin.execute("SET ROLE product_app")
    await own_admin.execute(
        "BEGIN; SET LOCAL app.current_tenant = '';"
        " CALL public.admit(0, 0, 7, NULL, NULL, 0); ROLLBACK"
    )
