"""The documentation pages come from the service itself and load nothing from elsewhere."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from shared_lib.web import SecurityHeadersMiddleware, install_docs

from .conftest import Clients

DOCUMENT = "/api/v1/openapi.json"
REFERENCE = re.compile(r'(?:src|href|spec-url|data-openapi-url)="([^"]*)"')


@pytest.fixture
async def documented(clients: Clients) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(title="Sample <b>API</b>", openapi_url=None)
    app.add_middleware(SecurityHeadersMiddleware, hsts=False)

    @app.get("/things")
    async def list_things() -> list[int]:
        return []

    paths = install_docs(app, openapi_url=DOCUMENT)
    assert paths == (DOCUMENT, "/docs", "/redoc", "/docs/assets/")
    async with clients(app) as client:
        yield client


def directives(response: httpx.Response) -> dict[str, str]:
    (policy,) = response.headers.get_list("content-security-policy")
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_everything_that_a_page_names_is_served_here(
    documented: httpx.AsyncClient, path: str
) -> None:
    page = await documented.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = REFERENCE.findall(page.text)
    assert DOCUMENT in named
    assert any(reference.endswith(".js") for reference in named)
    for reference in named:
        assert reference.startswith("/")
        assert (await documented.get(reference)).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_no_script_but_ours_runs(documented: httpx.AsyncClient, path: str) -> None:
    page = await documented.get(path)
    policy = directives(page)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert re.findall(r"<script(?![^>]* src=)", page.text) == []
    assert not re.search(r"\son\w+=", page.text)


async def test_only_redoc_may_write_styles(documented: httpx.AsyncClient) -> None:
    swagger_ui, redoc = await documented.get("/docs"), await documented.get("/redoc")
    assert directives(swagger_ui)["style-src"] == "'self'"
    assert "worker-src" not in directives(swagger_ui)
    assert directives(redoc)["style-src"] == "'self' 'unsafe-inline'"


async def test_a_title_is_text(documented: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        page = await documented.get(path)
        assert "<title>Sample &lt;b&gt;API&lt;/b&gt;</title>" in page.text


async def test_the_document_is_the_application_s(documented: httpx.AsyncClient) -> None:
    response = await documented.get(DOCUMENT)
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()["paths"]) == ["/things"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui-start.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("redoc.standalone.js", "text/javascript"),
        ("swagger-ui.LICENSE.txt", "text/plain"),
        ("redoc.LICENSE.txt", "text/plain"),
    ],
)
async def test_assets_are_kept_by_browsers_and_not_sniffed(
    documented: httpx.AsyncClient, name: str, kind: str
) -> None:
    response = await documented.get(f"/docs/assets/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == kind
    assert response.headers["cache-control"] == "public, max-age=86400"
    assert response.headers["x-content-type-options"] == "nosniff"
    etag = {"If-None-Match": response.headers["etag"]}
    again = await documented.get(f"/docs/assets/{name}", headers=etag)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["../_docs.py", "%2e%2e/_docs.py", "", "nothing.js"])
async def test_nothing_else_is_served(documented: httpx.AsyncClient, path: str) -> None:
    response = await documented.get(f"/docs/assets/{path}")
    assert response.status_code == 404
    assert response.headers["cache-control"] == "no-store"


async def test_the_pages_are_not_operations(documented: httpx.AsyncClient) -> None:
    assert (await documented.post("/docs")).status_code == 405
