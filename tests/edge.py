"""What stands before both services in production: https outside, http inside. It can be broken."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from typing_extensions import override

from shared_lib.doctor import Target
from shared_lib.tokens import base64url_decode, json_object

IDENTITY, CORE = "https://identity.example.com", "https://api.example.com"
ORIGIN = "https://app.example.com"

Before = Callable[[httpx.Request], Awaitable[httpx.Response | None]]
After = Callable[[httpx.Request, httpx.Response], httpx.Response]


@dataclass(frozen=True)
class Fault:
    """One thing that is broken: a request answered in place of a service, its answer changed, or
    what the deployment is said to be.
    """

    before: Before | None = None
    after: After | None = None
    target: Callable[[Target], Target] = field(default=lambda target: target)
    hsts: bool = True


class Edge(httpx.AsyncBaseTransport):
    """Leads the two hosts to the services (by host: their URLs inside)."""

    def __init__(self, inside: Mapping[str, str], fault: Fault | None = None) -> None:
        self._inside = {httpx.URL(outside).host: httpx.URL(url) for outside, url in inside.items()}
        self._fault = fault or Fault()
        self._http = httpx.AsyncHTTPTransport()

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if self._fault.before is not None:
            answer = await self._fault.before(request)
            if answer is not None:
                return answer
        answer = await self._forward(request)
        if request.url.scheme == "https" and self._fault.hsts:
            hsts = "max-age=31536000; includeSubDomains"
            answer = changed(answer, headers={"strict-transport-security": hsts})
        return answer if self._fault.after is None else self._fault.after(request, answer)

    @override
    async def aclose(self) -> None:
        await self._http.aclose()

    async def _forward(self, request: httpx.Request) -> httpx.Response:
        inside = self._inside[request.url.host]
        url = request.url.copy_with(scheme=inside.scheme, host=inside.host, port=inside.port)
        headers = [item for item in request.headers.multi_items() if item[0] != "host"]
        inner = httpx.Request(
            request.method,
            url,
            headers=headers,
            content=request.content,
            extensions=request.extensions,
        )
        response = await self._http.handle_async_request(inner)
        body = await response.aread()
        await response.aclose()
        return httpx.Response(response.status_code, headers=response.headers, content=body)


def changed(
    answer: httpx.Response,
    *,
    status: int | None = None,
    headers: Mapping[str, str | None] | None = None,
    content: bytes | None = None,
) -> httpx.Response:
    """The answer with some of it replaced; a header without a value is taken away."""
    kept = dict(answer.headers)
    for name, value in (headers or {}).items():
        kept.pop(name, None)
        if value is not None:
            kept[name] = value
    body = answer.content if content is None else content
    kept["content-length"] = str(len(body))
    return httpx.Response(status or answer.status_code, headers=kept, content=body)


def bearer(request: httpx.Request) -> str | None:
    """The token that a request carries."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else None


def header_of(request: httpx.Request) -> dict[str, Any]:
    """The header of the token that a request carries; empty where there is none."""
    return _part_of(request, 0)


def claims_of(request: httpx.Request) -> dict[str, Any]:
    """The claims of the token that a request carries; empty where there is none."""
    return _part_of(request, 1)


def _part_of(request: httpx.Request, number: int) -> dict[str, Any]:
    try:
        return json_object(base64url_decode((bearer(request) or "").split(".")[number]))
    except (ValueError, LookupError):
        return {}


def slow(unknown: int = 10) -> Before:
    """Hold tokens of the key that is seen first up, once so many of other keys have come; for much
    longer than they took before.
    """
    known: list[str] = []
    seen, last, longest = [0], [0.0], [0.1]

    async def before(request: httpx.Request) -> httpx.Response | None:
        kid = header_of(request).get("kid")
        if kid is None:
            return None
        known.append(kid)
        if kid != known[0]:
            seen[0] += 1
        elif seen[0] >= unknown:
            await asyncio.sleep(25 * longest[0] + 4)
            seen[0] = -1000  # one that waits is enough
        else:
            now = time.monotonic()
            longest[0] = max(longest[0], now - (last[0] or now))
            last[0] = now
        return None

    return before


def without(target: Target, **parts: Any) -> Target:
    """The target with some of it replaced."""
    return replace(target, **parts)
