"""Lines between the processes: proxies that run in a thread of their own, for tests that wait."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shared_lib.testing.proxy import Behaviour, Passage, Proxy, passes

Result = TypeVar("Result")


class Line:
    """What leads to one port. Whole until a test says otherwise."""

    def __init__(self, loop: asyncio.AbstractEventLoop, proxy: Proxy) -> None:
        self._loop = loop
        self._proxy = proxy
        self._do(proxy.open())

    @property
    def passages(self) -> list[Passage]:
        """Every connection that was made so far."""
        return self._proxy.passages

    def url(self, url: str) -> str:
        """`url` by way of this line."""
        return self._proxy.url(url)

    def behave(self, behaviour: Behaviour) -> None:
        """Cut every connection; this becomes of the next ones."""
        self._proxy.behaviour = behaviour
        self._do(self._proxy.open())
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        self._do(self._proxy.cut())

    def refuse(self) -> None:
        """Reset every connection and refuse further ones."""
        self._do(self._proxy.refuse())

    def heal(self) -> None:
        """Let everything pass again."""
        self.behave(passes)

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Network:
    """Makes lines while `networking` runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.lines: list[Line] = []

    def line_to(self, url: str) -> Line:
        """A line to the port of `url` on this machine."""
        line = Line(self._loop, Proxy(("127.0.0.1", urlsplit(url).port or 0)))
        self.lines.append(line)
        return line


@contextmanager
def networking() -> Iterator[Network]:
    """A Network while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    network = Network(loop)
    try:
        yield network
    finally:
        for line in network.lines:
            line.refuse()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
