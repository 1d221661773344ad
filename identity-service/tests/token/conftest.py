"""Applications of their own for tests of throttling, with limits that are soon reached."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fastapi import FastAPI

from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity, make_settings, running
from tests.token.guessing import LIMITS, Serve


@pytest.fixture
async def serve(cluster: Cluster, database_name: str, identity: Identity) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as opened:

        async def start(**changes: Any) -> FastAPI:
            core_url = identity.settings.core_url
            settings = make_settings(cluster, database_name, core_url, **{**LIMITS, **changes})
            return await opened.enter_async_context(running(settings))

        yield start


@pytest.fixture
async def service(serve: Serve) -> FastAPI:
    return await serve()
