"""Applications of their own for tests that break connections, count them, or add routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter

from app.core.settings import CoreSettings
from app.main import create_app

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@asynccontextmanager
async def serve(
    settings: CoreSettings, *routers: APIRouter, **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    """The core with other settings and further routes, on pools of its own."""
    app = create_app(settings.model_copy(update=changes))
    for router in routers:
        app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://core") as client,
    ):
        yield client


@pytest.fixture
def serve_core(settings: CoreSettings) -> Serve:
    def start(
        *routers: APIRouter, **changes: object
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return serve(settings, *routers, **changes)

    return start
