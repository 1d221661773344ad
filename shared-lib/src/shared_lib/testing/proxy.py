"""A TCP proxy on 127.0.0.1 that tests make fail: it refuses, resets, is silent, slow or wrong."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared_lib.testing.ports import reserved_port

_COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
"""COMMIT as PostgreSQL's protocol has it: a simple query."""
_CHUNK = 65536

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[["Passage"], Awaitable[None]]
"""What becomes of one connection; when it returns, the connection is cut."""


@dataclass
class Passage:
    """One connection of a client; `connect` opens that to the server."""

    client: Stream
    connect: Callable[[], Awaitable[Stream]]
    repeated: int = 0
    """Bytes of an answer without an end that were sent so far."""


async def passes(passage: Passage) -> None:
    """Everything passes."""
    reader, writer = passage.client
    upstream, out = await passage.connect()
    await _until_one_ends(_pump(reader, out), _pump(upstream, writer))


async def silent(passage: Passage) -> None:
    """Everything is taken and nothing is answered: the server is never asked."""
    while await passage.client[0].read(_CHUNK):
        pass


async def resets(passage: Passage) -> None:
    """The request is read and the connection reset, so that nobody knows what it did."""
    await passage.client[0].read(_CHUNK)


def trickles(size: int, pause: float) -> Behaviour:
    """The server's answer passes, `size` bytes each `pause` seconds."""

    async def behave(passage: Passage) -> None:
        reader, writer = passage.client
        upstream, out = await passage.connect()
        await _until_one_ends(_pump(reader, out), _pump(upstream, writer, size, pause))

    return behave


def answers(raw: bytes, *, repeated: bytes = b"") -> Behaviour:
    """Whatever is asked is answered with these bytes, and with `repeated` without an end."""

    async def behave(passage: Passage) -> None:
        reader, writer = passage.client
        if not await reader.read(_CHUNK):
            return
        writer.write(raw)
        await writer.drain()
        while repeated:
            writer.write(repeated)
            await writer.drain()
            passage.repeated += len(repeated)
        writer.write_eof()
        while await reader.read(_CHUNK):
            pass

    return behave


def answers_http(body: bytes, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    """Whatever is asked is answered with this HTTP/1.1 response."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return answers(head.encode() + body)


def truncates(size: int) -> Behaviour:
    """Only the first `size` bytes of what the server answers pass."""

    async def behave(passage: Passage) -> None:
        reader, writer = passage.client
        upstream, out = await passage.connect()

        async def some() -> None:
            writer.write(await upstream.readexactly(size))
            await writer.drain()

        await _until_one_ends(_pump(reader, out), some())

    return behave


def cuts_commit(*, before: bool = False, silently: bool = False) -> Behaviour:
    """PostgreSQL's answer to COMMIT never arrives: `before` it was asked, or afterwards.

    `silently`: the connection stays, and nothing passes any more.
    """

    async def behave(passage: Passage) -> None:
        reader, writer = passage.client
        upstream, out = await passage.connect()
        back = asyncio.create_task(_pump(upstream, writer))
        try:
            while data := await reader.read(_CHUNK):
                if data != _COMMIT:
                    out.write(data)
                    continue
                back.cancel()
                await asyncio.wait({back})
                if not before:
                    out.write(data)
                    await upstream.read(1)
                while silently and await reader.read(_CHUNK):
                    pass
                return
        finally:
            back.cancel()

    return behave


@dataclass
class Proxy:
    """Passes connections on to `target`; `behaviour` is that of the next connections."""

    target: tuple[str, int]
    behaviour: Behaviour = passes
    port: int = field(default=0, init=False)
    passages: list[Passage] = field(default_factory=list)
    """Every connection that was made so far."""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        reserving = ExitStack()
        self.port = reserving.enter_context(reserved_port())
        weakref.finalize(self, reserving.close)

    def url(self, url: str) -> str:
        """`url` of the target, by way of the proxy."""
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}").geturl()

    async def open(self) -> None:
        """Listen, at the same port each time."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        """Cut every connection and refuse further ones."""
        if self._server is not None:
            for listening in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listening.fileno())
            # asyncio loses the socket of a connection that it accepts while its server is closed.
            for _ in range(2):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """Reset every connection that there is."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio would log the cancellation of its.
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Here, for a task that is cut before it begins runs no line of its own.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened: list[asyncio.StreamWriter] = []

        async def connect() -> Stream:
            stream = await asyncio.open_connection(*self.target)
            opened.append(stream[1])
            return stream

        try:
            passage = Passage((reader, writer), connect)
            self.passages.append(passage)
            with suppress(OSError, asyncio.IncompleteReadError):
                await self.behaviour(passage)
        finally:
            for each in opened:
                each.transport.abort()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A Proxy to the server of `url` while the block runs."""
    parts = urlsplit(url)
    proxy = Proxy((str(parts.hostname), parts.port or 0))
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.refuse()


async def _until_one_ends(*pumps: Awaitable[None]) -> None:
    tasks = {asyncio.ensure_future(pump) for pump in pumps}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    size: int = _CHUNK,
    pause: float = 0.0,
) -> None:
    while data := await reader.read(size):
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(pause)
