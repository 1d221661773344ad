"""A database that is away is 503 with Retry-After, never 500, and heals without a hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from app.core.settings import CoreSettings
from tests.conftest import Tenant
from tests.transactions.conftest import serve

pytestmark = pytest.mark.database


class Gate:
    """A way to PostgreSQL that a test closes and opens."""

    def __init__(self, url: str) -> None:
        self.target = urlsplit(url)
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def url(self) -> str:
        credentials = self.target.netloc.rpartition("@")[0]
        return self.target._replace(netloc=f"{credentials}@127.0.0.1:{self.port}").geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, out = await asyncio.open_connection(self.target.hostname, self.target.port)
        self._writers |= {writer, out}
        await asyncio.gather(_pump(reader, out), _pump(upstream, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def gated(settings: CoreSettings) -> AsyncIterator[tuple[Gate, httpx.AsyncClient]]:
    gate = Gate(settings.app_database_url.get_secret_value())
    await gate.open()
    try:
        async with serve(settings, app_database_url=SecretStr(gate.url())) as client:
            yield gate, client
    finally:
        await gate.close()


async def test_a_database_that_is_away(settings: CoreSettings, tenant: Tenant) -> None:
    async with gated(settings) as (gate, client):

        async def ask() -> httpx.Response:
            return await client.get("/api/v1/popups", headers=tenant.headers())

        assert (await ask()).status_code == 200
        await gate.close()
        for _ in range(6):
            away = await ask()
            assert (away.status_code, away.json()["detail"]) == (503, "database_unavailable")
            assert away.headers["retry-after"]
        await gate.open()
        for _ in range(6):
            assert (await ask()).status_code == 200
