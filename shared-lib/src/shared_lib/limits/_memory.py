"""Counters of one limit in this process."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from limits.aio.storage import Storage
from typing_extensions import override

_MOST = 50_000


@dataclass(slots=True)
class _Window:
    count: int
    ends_at: float


class ProcessMemory(Storage):
    """A storage of `limits` that costs the same however many keys it holds.

    The library's own walks through all its keys at each hit (2 ms at 20,000 of them), and keys are
    what an attacker makes. All windows of one limit are equally long, so they lie in the order in
    which they end. At most `most` are kept: what begins then drops what ends first.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int = _MOST, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    @property
    @override
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def add(self, key: str, expiry: int, amount: int) -> tuple[int, float]:
        """Count `amount` more; the count, and when its window of `expiry` seconds ends."""
        window = self._open(key)
        if window is None:
            window = self._begin(key, expiry)
        window.count = max(0, window.count + amount)
        return window.count, window.ends_at

    @override
    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self.add(key, expiry, amount)[0]

    @override
    async def get(self, key: str) -> int:
        window = self._open(key)
        return window.count if window else 0

    @override
    async def get_expiry(self, key: str) -> float:
        window = self._open(key)
        return window.ends_at if window else self._clock()

    @override
    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    @override
    async def check(self) -> bool:
        return True

    @override
    async def reset(self) -> int:
        held = len(self._windows)
        self._windows.clear()
        return held

    def _open(self, key: str) -> _Window | None:
        window = self._windows.get(key)
        return window if window and window.ends_at > self._clock() else None

    def _begin(self, key: str, expiry: int) -> _Window:
        now = self._clock()
        self._windows.pop(key, None)
        while self._windows:
            first = next(iter(self._windows))
            if self._windows[first].ends_at > now and len(self._windows) < self._most:
                break
            del self._windows[first]
        window = self._windows[key] = _Window(0, now + expiry)
        return window
