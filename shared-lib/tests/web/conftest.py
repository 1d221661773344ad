"""A small service with the whole middleware around it, and clients that call it over ASGI."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any, ClassVar
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Scope

from shared_lib.limits import RateLimiter
from shared_lib.settings import ServiceSettings
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenData, TokenVerifier
from shared_lib.web import Json, general_limits, install_middleware

ORIGIN = "https://console.example.com"
PEER = "198.51.100.7"

Clients = Callable[[FastAPI], AbstractAsyncContextManager[httpx.AsyncClient]]
Services = Callable[..., FastAPI]


class SampleSettings(ServiceSettings):
    service_prefix: ClassVar[str] = "SAMPLE_"


tenant_variable: ContextVar[UUID | None] = ContextVar("tenant_variable", default=None)


def is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith(("/public", "/health/", "/.well-known/"))


async def tell(request: Request) -> Json:
    """What the middleware left for routes."""
    token = request.scope["state"]["token"]
    return Json(
        {
            "sub": token and token.sub,
            "tenant": tenant_variable.get(),
            "client_ip": request.scope["state"]["client_ip"],
            "request_id": request.scope["state"]["request_id"],
            "authorization": request.headers.get("authorization"),
        }
    )


async def read(request: Request) -> Json:
    return Json({"length": len(await request.body())})


async def read_fields(fields: dict[str, Any]) -> Json:
    return Json(sorted(fields))


async def ignore() -> Json:
    return Json("ignored")


async def fail() -> Json:
    raise RuntimeError("a fault of ours")


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
def service(issuer: TokenIssuer) -> Services:
    """Makes a service; keyword arguments are its settings."""

    def make(*, anonymous: TokenData | None = None, **values: Any) -> FastAPI:
        given = {"issuer": issuer.issuer, "allowed_origins": (ORIGIN,), **values}
        app = FastAPI(redirect_slashes=False)
        for path in (
            *("/public/tell", "/tell", "/internal/tell", "/internals/tell"),
            *("/health/live", "/.well-known/jwks.json"),
        ):
            app.get(path)(tell)
        app.post("/public/read")(read)
        app.post("/public/read-fields")(read_fields)
        app.post("/public/ignore")(ignore)
        app.get("/public/fail/{number}")(fail)
        verifier = TokenVerifier(issuer=issuer.issuer, keys=issuer.keys, audience=CORE_AUDIENCE)
        settings = SampleSettings(**given)
        limiter = RateLimiter(general_limits(settings), service="sample", secret=b"secret")
        install_middleware(
            app,
            settings,
            verifier,
            is_public,
            tenant_variable,
            limiter=limiter,
            anonymous=anonymous,
        )
        return app

    return make


@pytest.fixture
def clients() -> Clients:
    @asynccontextmanager
    async def open_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
        # An exception that leaves the app fails the test.
        transport = httpx.ASGITransport(app=app, client=(PEER, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client

    return open_client


@pytest.fixture
async def client(service: Services, clients: Clients) -> AsyncIterator[httpx.AsyncClient]:
    async with clients(service()) as client:
        yield client
