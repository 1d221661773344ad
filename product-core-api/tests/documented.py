"""Compares what the suite is answered with what the OpenAPI document says can be answered."""

import re
from typing import Any

import httpx
from fastapi import FastAPI

_TEMPLATE = re.compile(r"\\\{[a-z_]+\\\}")


def operations(app: FastAPI) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation of the document, by operationId."""
    return {
        described["operationId"]: (method.upper(), path, described)
        for path, methods in app.openapi()["paths"].items()
        for method, described in methods.items()
    }


class Undocumented:
    """Collects answers that their operation does not declare: a response hook of httpx."""

    def __init__(self, app: FastAPI) -> None:
        self.found: set[str] = set()
        self._operations = [
            (method, re.compile(_TEMPLATE.sub("[^/]+", re.escape(path))), described)
            for method, path, described in operations(app).values()
        ]

    async def __call__(self, response: httpx.Response) -> None:
        await response.aread()
        described = self._operation(response.request)
        if described is None or response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            return
        known = described["responses"].get(str(response.status_code))
        detail = _detail(response)
        if known is None or (detail and f"`{detail}`" not in known["description"]):
            operation = described["operationId"]
            self.found.add(f"{operation}: {response.status_code} {detail or ''}".strip())

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        for method, pattern, described in self._operations:
            if method == request.method and pattern.fullmatch(request.url.path):
                return described
        return None


def _detail(response: httpx.Response) -> str | None:
    if response.headers.get("content-type") != "application/problem+json":
        return None
    detail: str = response.json()["detail"]
    return detail
