"""A proxy in front of PostgreSQL that counts round trips: each ends with ReadyForQuery."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_READY_FOR_QUERY = ord("Z")


@dataclass
class Wire:
    """What passes; `round_trips` counts since the test last set it."""

    port: int = 0
    round_trips: int = 0

    def url(self, url: str) -> str:
        """`url` of the server, by way of the proxy."""
        parts = urlsplit(url)
        credentials = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{credentials}@127.0.0.1:{self.port}").geturl()


@asynccontextmanager
async def counted(url: str) -> AsyncIterator[Wire]:
    """A Wire to the server of `url` while the block runs."""
    target = urlsplit(url)
    wire = Wire()
    pumps: set[asyncio.Task[None]] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(target.hostname, target.port)
        for pump in (_forward(reader, upstream[1]), _count(upstream[0], writer, wire)):
            task = asyncio.create_task(pump)
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in list(pumps):
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
    """Forward what the server says, message by message."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        first = await reader.readexactly(1)
        if first in b"NS":  # the answer to an SSLRequest is one byte
            writer.write(first)
            first = await reader.readexactly(1)
        while True:
            length = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(length, "big") - 4)
            if first[0] == _READY_FOR_QUERY:
                wire.round_trips += 1
            writer.write(first + length + body)
            await writer.drain()
            first = await reader.readexactly(1)
    writer.close()
