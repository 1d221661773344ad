"""`REQUIRE_AUTH=false`: callers without a token, in development."""

import asyncpg
import pytest

from app.core.anonymous import PUBLIC_ORGANIZATION
from app.core.settings import CoreSettings
from shared_lib.settings import SettingsError
from shared_lib.testing.mail import REAL_MAIL
from tests.conftest import Tenant
from tests.transactions.conftest import Serve, serve_core

__all__ = ["serve_core"]


@pytest.mark.database
async def test_anonymous_callers_work_in_the_public_organization(
    serve_core: Serve, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    await tenant.call("POST", "/popups", json={"name": "Private"})
    async with serve_core(require_auth=False) as client:
        nowhere = await client.get("/api/v1/popups")
        assert (nowhere.status_code, nowhere.json()["detail"]) == (403, "tenant_blocked")
        await admin.execute(
            "INSERT INTO organizations (tenant_id, slug, name, status, paid, support_access,"
            " created_at, updated_at, version)"
            " VALUES ($1, 'public', 'Public', 'active', true, 'off', now(), now(), 1)",
            PUBLIC_ORGANIZATION,
        )
        created = await client.post("/api/v1/popups", json={"name": "Open"})
        assert created.status_code == 201
        listed = (await client.get("/api/v1/popups")).json()["results"]
        assert [popup["name"] for popup in listed] == ["Open"]
        refused = await client.get("/api/v1/admin/orgs")
        assert refused.json()["detail"] == "missing_permission"
        hidden = await client.get("/api/v1/popups", headers=tenant.headers())
        assert [popup["name"] for popup in hidden.json()["results"]] == ["Private"]
        bad = await client.get("/api/v1/popups", headers={"Authorization": "Bearer no"})
        assert bad.json()["detail"] == "invalid_token"


def test_production_refuses_it(settings: CoreSettings) -> None:
    values = settings.model_dump() | {
        "environment": "production",
        "issuer": "https://identity.example.com",
        "client_secret": "x" * 43,
        **REAL_MAIL,
    }
    assert CoreSettings(**values).require_auth
    with pytest.raises(SettingsError, match="CORE_REQUIRE_AUTH"):
        CoreSettings(**values | {"require_auth": False})
