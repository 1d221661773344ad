"""What everybody can reach without an operation of ours: strange paths, headers, documents."""

import re

import httpx
import pytest
from fastapi import FastAPI

from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import Tenant

pytestmark = pytest.mark.database

STRANGE = [
    *("/internal/revocations/", "//internal/revocations", "/INTERNAL/revocations"),
    *("/internal//revocations", "/internal%2frevocations", "/x/../internal/revocations"),
    *("/api/v1/../../internal/revocations", "/internal/revocations;x=1", "/%69nternal/revocations"),
    *("/api/v1/internal/revocations", "/internal\\revocations", "/internal/revocations%00"),
]


@pytest.mark.parametrize("path", STRANGE)
async def test_no_spelling_of_internal_lets_people_in(
    tenant: Tenant, issuer: TokenIssuer, path: str
) -> None:
    for token in (issuer.platform(), issuer.person(tenant_id=tenant.id, role="owner")):
        headers = {"Authorization": f"Bearer {token}"}
        response = await tenant.client.post(path, headers=headers, json={"revocations": []})
        assert response.status_code in (401, 404), response.text
        assert response.json()["detail"] in ("invalid_token", "not_found")


@pytest.mark.parametrize("path", ["/api/v1/popups/", "//api/v1/popups", "/API/v1/popups", "/"])
async def test_paths_have_one_spelling(tenant: Tenant, path: str) -> None:
    response = await tenant.client.get(path, headers=tenant.headers())
    assert (response.status_code, response.json()["detail"]) == (404, "not_found")


async def test_unknown_paths_and_methods_say_nothing_to_strangers(tenant: Tenant) -> None:
    unknown = await tenant.client.get("/api/v1/nothing")
    assert (unknown.status_code, unknown.json()["detail"]) == (401, "missing_token")
    for method in ("PUT", "HEAD", "TRACE", "PROPFIND"):
        response = await tenant.client.request(
            method, "/api/v1/popups", headers=tenant.headers() | {"x-http-method-override": "GET"}
        )
        assert response.status_code == 405, method
        assert set(response.headers["allow"].replace(" ", "").split(",")) >= {"GET"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("authorization", "Basic dXNlcjpwYXNz")], "missing_token"),
        ([("authorization", "Bearer")], "invalid_token"),
        ([("authorization", "Bearer  ")], "invalid_token"),
        ([("authorization", "Bearer a.b.c")], "invalid_token"),
        ([("authorization", "{token}")], "missing_token"),
        ([("authorization", "Bearer {token} {token}")], "invalid_token"),
        ([("authorization", "Bearer {token}="), ("x", "y")], "invalid_token"),
        (
            [("authorization", "Bearer {token}"), ("authorization", "Bearer {token}")],
            "invalid_token",
        ),
        ([("cookie", "access_token={token}")], "missing_token"),
        ([("x-authorization", "Bearer {token}")], "missing_token"),
    ],
)
async def test_a_token_comes_in_one_place_only(
    tenant: Tenant, headers: list[tuple[str, str]], code: str
) -> None:
    token = tenant.headers()["Authorization"].removeprefix("Bearer ")
    sent = [(name, value.format(token=token)) for name, value in headers]
    response = await tenant.client.get(f"/api/v1/popups?access_token={token}", headers=sent)
    assert (response.status_code, response.json()["detail"]) == (401, code)
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert ('error="invalid_token"' in challenge) == (code == "invalid_token")
    assert (await tenant.client.get("/api/v1/popups", headers=tenant.headers())).is_success


async def test_tokens_of_other_issuers_and_keys_open_nothing(
    tenant: Tenant, issuer: TokenIssuer
) -> None:
    strangers = [
        TokenIssuer("https://elsewhere.example.com"),  # our key, another issuer
        TokenIssuer(issuer.issuer, number=1),  # our issuer, another key
    ]
    for stranger in strangers:
        token = stranger.person(tenant_id=tenant.id, role="owner")
        headers = {"Authorization": f"Bearer {token}"}
        response = await tenant.client.get("/api/v1/popups", headers=headers)
        assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")


async def test_the_document_needs_no_token_and_is_the_applications(
    client: httpx.AsyncClient, application: FastAPI
) -> None:
    response = await client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    assert response.json() == application.openapi()


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_documentation_comes_from_this_service_alone(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path)
    assert page.status_code == 200
    links = re.findall(r"(?:src|href)=[\"']([^\"']+)", page.text)
    assert links
    for link in links:
        assert link.startswith("/"), link
        assert not link.startswith("//"), link
        assert (await client.get(link)).status_code == 200, link
    assert "openapi.json" in page.text or any("start" in link for link in links)
    for beside in ("/../main.py", "/%2e%2e/main.py", "/..%2f..%2f..%2fsettings.py", "/assets/../x"):
        assert (await client.get(path + beside)).status_code in (401, 404), beside


@pytest.mark.parametrize("path", ["/api/v1/popups", "/health/live", "/nowhere"])
async def test_every_answer_carries_the_headers(client: httpx.AsyncClient, path: str) -> None:
    origin = {"origin": "http://localhost:3000"}
    response = await client.get(path, headers=origin)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["access-control-allow-origin"] == origin["origin"]
    assert response.headers["x-request-id"]
    foreign = await client.get(path, headers={"origin": "https://evil.example.com"})
    assert "access-control-allow-origin" not in foreign.headers
