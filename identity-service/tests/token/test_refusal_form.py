"""Whatever goes wrong at the token endpoint, and wherever, is answered as RFC 6749 5.2 wants it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, client_of, make_settings, running

FORM = {"username": "ann@example.com", "password": "wrong"}


def refused(response: httpx.Response, status: int, error: str, detail: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]
    assert response.json().keys() == {"error", "error_description", "detail"}
    assert (response.json()["error"], response.json()["detail"]) == (error, detail)


async def test_a_bearer_token_that_is_none(identity: Identity) -> None:
    response = await identity.client.post(
        "/token", data=FORM, headers={"Authorization": "Bearer x.y.z"}
    )
    refused(response, 401, "invalid_client", "invalid_token")
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_body_that_is_too_long_by_its_length(identity: Identity) -> None:
    response = await identity.client.post("/token", content=b"x" * (2 * 1024 * 1024))
    refused(response, 413, "invalid_request", "body_too_large")


async def test_a_body_that_is_too_long_without_a_length(identity: Identity) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 16384

    response = await identity.client.post("/token", content=endless())
    refused(response, 413, "invalid_request", "body_too_large")


async def test_another_method(identity: Identity) -> None:
    response = await identity.client.get("/token")
    refused(response, 405, "invalid_request", "method_not_allowed")
    assert response.headers["allow"] == "POST"


async def test_too_many_requests(cluster: Cluster, database_name: str, identity: Identity) -> None:
    settings = make_settings(
        cluster, database_name, identity.settings.core_url, rate_limit_address="2/hour"
    )
    async with running(settings) as app, client_of(app) as client:
        for _ in range(2):
            assert (await client.post("/token", data=FORM)).status_code == 400
        response = await client.post("/token", data=FORM)
        refused(response, 429, "temporarily_unavailable", "rate_limited")
        assert int(response.headers["retry-after"]) >= 1
        elsewhere = await client.get("/me", headers={"Authorization": "Bearer x.y.z"})
        assert elsewhere.headers["content-type"] == "application/problem+json"


async def test_a_database_that_is_away(
    cluster: Cluster, own_database: str, identity: Identity
) -> None:
    settings = make_settings(cluster, own_database, identity.settings.core_url)
    async with running(settings) as app, client_of(app) as client:
        await identity.admin.execute(f"ALTER DATABASE {own_database} ALLOW_CONNECTIONS false")
        await identity.admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            own_database,
        )
        response = await client.post("/token", data=FORM)
        refused(response, 503, "temporarily_unavailable", "database_unavailable")
        assert int(response.headers["retry-after"]) >= 1


async def test_the_document_says_so(identity: Identity) -> None:
    responses = identity.app.openapi()["paths"]["/token"]["post"]["responses"]
    assert {"400", "401", "413", "429", "503"} <= set(responses)
    for status, response in responses.items():
        if status != "200":
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/OAuthErrorRead"}, status
            assert "application/problem+json" not in response["content"], status
    for code in ("too_many_attempts", "rate_limited"):
        assert f"`{code}`" in responses["429"]["description"]


@pytest.mark.parametrize("status", ["401", "413", "503"])
async def test_and_names_every_code(identity: Identity, status: str) -> None:
    responses = identity.app.openapi()["paths"]["/token"]["post"]["responses"]
    codes = {"401": "invalid_token", "413": "body_too_large", "503": "database_unavailable"}
    assert f"`{codes[status]}`" in responses[status]["description"]
