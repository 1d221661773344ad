"""What every answer carries, errors and preflights included."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from .conftest import ORIGIN, Clients, Services

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type",
}
PATHS = [
    ("/public/tell", 200),
    ("/tell", 401),
    ("/public/nowhere", 404),
    ("/public/read", 405),
    ("/public/fail/1", 500),
]


@pytest.mark.parametrize(("path", "status"), PATHS)
async def test_every_answer_carries_them(client: httpx.AsyncClient, path: str, status: int) -> None:
    response = await client.get(path)
    assert response.status_code == status
    for name, value in HEADERS.items():
        assert response.headers.get_list(name) == [value]


async def test_a_preflight_carries_them(client: httpx.AsyncClient) -> None:
    response = await client.options("/tell", headers=PREFLIGHT)
    for name, value in HEADERS.items():
        assert response.headers.get_list(name) == [value]


async def test_an_operation_s_own_value_stands(service: Services, clients: Clients) -> None:
    app: FastAPI = service()

    @app.get("/public/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("x", headers={"Cache-Control": "public, max-age=300"})

    async with clients(app) as client:
        response = await client.get("/public/own")
    assert response.headers.get_list("cache-control") == ["public, max-age=300"]


async def test_development_is_not_bound_to_https(service: Services, clients: Clients) -> None:
    async with clients(service(environment="development")) as client:
        response = await client.get("/public/tell")
    assert "strict-transport-security" not in response.headers
    assert response.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(("path", "status"), PATHS)
async def test_a_listed_origin_may_read_every_answer(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    response = await client.get(path, headers={"Origin": ORIGIN})
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-expose-headers"] == (
        "X-Request-ID, Retry-After, Idempotency-Replayed"
    )
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", f"{ORIGIN}.evil.com"])
async def test_no_other_origin_may(client: httpx.AsyncClient, origin: str) -> None:
    response = await client.get("/public/tell", headers={"Origin": origin})
    assert "access-control-allow-origin" not in response.headers


async def test_a_preflight_needs_no_token(client: httpx.AsyncClient) -> None:
    response = await client.options("/tell", headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "PATCH" in response.headers["access-control-allow-methods"]
    assert "Authorization" in response.headers["access-control-allow-headers"]


async def test_a_preflight_from_elsewhere_is_refused(client: httpx.AsyncClient) -> None:
    headers = {**PREFLIGHT, "Origin": "https://evil.example.com"}
    response = await client.options("/tell", headers=headers)
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers


async def test_other_options_requests_do_need_a_token(client: httpx.AsyncClient) -> None:
    assert (await client.options("/tell", headers={"Origin": ORIGIN})).status_code == 401


async def test_without_origins_there_is_no_cors(service: Services, clients: Clients) -> None:
    async with clients(service(allowed_origins=())) as client:
        assert (await client.options("/tell", headers=PREFLIGHT)).status_code == 401
        response = await client.get("/public/tell", headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in response.headers
