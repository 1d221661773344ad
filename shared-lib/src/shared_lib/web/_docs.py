"""The pages /docs (Swagger UI) and /redoc, and the document that they show, served from here."""

from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path

import msgspec
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

DOCS_URL = "/docs"
REDOC_URL = "/redoc"
_ASSETS_URL = "/docs/assets"
_ASSETS = Path(__file__).parent / "assets"

_POLICY = (
    "default-src 'none'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
)
_SWAGGER_UI_POLICY = _POLICY + "style-src 'self'"
# Redoc writes style elements and searches in a worker made of a blob. Its footer asks for a logo
# of its makers' network, which the policy refuses and the page does without.
_REDOC_POLICY = _POLICY + "style-src 'self' 'unsafe-inline'; worker-src blob:"

_SWAGGER_UI = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{assets}/favicon.png">
<link rel="stylesheet" href="{assets}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-openapi-url="{openapi_url}"></div>
<script src="{assets}/swagger-ui-bundle.js"></script>
<script src="{assets}/swagger-ui-start.js"></script>
</body>
</html>
"""

_REDOC = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{assets}/favicon.png">
<style>body {{ margin: 0 }}</style>
</head>
<body>
<redoc spec-url="{openapi_url}" hide-download-button="false"></redoc>
<script src="{assets}/redoc.standalone.js"></script>
</body>
</html>
"""


class _Assets(StaticFiles):
    """Files that change with a release only: kept for a day, then asked for by ETag."""

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if "etag" in Headers(raw=response.raw_headers):
            response.headers["cache-control"] = "public, max-age=86400"
        return response


def install_docs(app: FastAPI, *, openapi_url: str) -> tuple[str, ...]:
    """Serve the OpenAPI document at `openapi_url` and the two pages that show it.

    They need no token. Returns the paths, which are what is public; what lies below one that ends
    in a slash is too. The app itself must be made without `openapi_url`, `docs_url` and
    `redoc_url`.
    """
    names = {
        "title": escape(app.title),
        "openapi_url": escape(openapi_url),
        "assets": _ASSETS_URL,
    }
    encoded: list[bytes] = []

    async def show_document(_request: Request) -> Response:
        if not encoded:
            encoded.append(msgspec.json.encode(app.openapi()))
        return Response(encoded[0], media_type="application/json")

    app.add_route(openapi_url, show_document, methods=["GET"], include_in_schema=False)
    app.mount(_ASSETS_URL, _Assets(directory=_ASSETS))
    for path, page, policy in (
        (DOCS_URL, _SWAGGER_UI, _SWAGGER_UI_POLICY),
        (REDOC_URL, _REDOC, _REDOC_POLICY),
    ):
        show_page = _show(page.format(**names), policy)
        app.add_route(path, show_page, methods=["GET"], include_in_schema=False)
    return (openapi_url, DOCS_URL, REDOC_URL, f"{_ASSETS_URL}/")


def _show(page: str, policy: str) -> Callable[[Request], Awaitable[Response]]:
    async def show_page(_request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    return show_page
