"""The limiter of a service: named limits, by whom they are counted, and how long to wait."""

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from math import ceil
from typing import TypeVar

from limits import RateLimitItem
from limits.aio.strategies import FixedWindowRateLimiter

from shared_lib.limits._memory import ProcessMemory
from shared_lib.limits._setting import parsed
from shared_lib.limits._shared import UNAVAILABLE, SharedCounters

Result = TypeVar("Result")
_REMEMBERED = 4096  # names of counters
_Work = Callable[[FixedWindowRateLimiter], Awaitable[Result]]


class RateLimiter:
    """Counts how often something was done, by name of the limit and key of who does it.

    `limits` are as settings write them; one that is off lets everything through. A limit counts in
    fixed windows, each of which begins with its first hit. With `redis_url` all processes count
    together; without, and while Redis is away, each for itself: a limiter takes no service down.

    Keys are stored as a hash under `secret`: Redis is one more place where data lie, and an
    address can be guessed from a plain hash of it. `service` keeps two that share a Redis apart.
    """

    def __init__(
        self, limits: Mapping[str, str], *, service: str, secret: bytes, redis_url: str = ""
    ) -> None:
        self._limits = {name: parsed(text) for name, text in limits.items()}
        self._secret = sha256(b"phase-zero: keys of rate limits\0" + secret).digest()
        self._memories = {name: ProcessMemory() for name in limits}
        self._own = {name: FixedWindowRateLimiter(each) for name, each in self._memories.items()}
        # Who asks once asks again.
        self._identifier = lru_cache(_REMEMBERED)(self._identify)
        self._own_key = lru_cache(_REMEMBERED)(self._name_own)
        self._shared = SharedCounters(redis_url, f"phase-zero:{service}") if redis_url else None

    async def hit(self, name: str, *key: str) -> int:
        """Count one. 0 when the limit allows it, else the seconds to wait, 1 at least."""
        limit = self._limits[name]
        if limit is None:
            return 0
        if self._shared is None:
            return self._counted_here(name, limit, key)
        identifier = self._identifier(name, key)

        async def count(strategy: FixedWindowRateLimiter) -> int:
            if await strategy.hit(limit, identifier):
                return 0
            window = await strategy.get_window_stats(limit, identifier)
            return max(1, ceil(window.reset_time - time.time()))

        return await self._work(name, count)

    def _counted_here(self, name: str, limit: RateLimitItem, key: tuple[str, ...]) -> int:
        """What `hit` does without Redis, at once: it happens at every request."""
        memory = self._memories[name]
        count, ends_at = memory.add(self._own_key(name, key), limit.get_expiry(), 1)
        return 0 if count <= limit.amount else max(1, ceil(ends_at - time.time()))

    async def give_back(self, name: str, *key: str) -> None:
        """Take one hit back: what was counted did not happen."""
        limit = self._limits[name]
        if limit is None:
            return
        identifier = self._identifier(name, key)

        async def uncount(strategy: FixedWindowRateLimiter) -> None:
            await strategy.storage.incr(limit.key_for(identifier), limit.get_expiry(), -1)

        await self._work(name, uncount)

    async def clear(self, name: str, *key: str) -> None:
        """Forget every hit of one key."""
        limit = self._limits[name]
        if limit is None:
            return
        identifier = self._identifier(name, key)

        async def forget(strategy: FixedWindowRateLimiter) -> None:
            await strategy.clear(limit, identifier)

        await self._work(name, forget)

    async def aclose(self) -> None:
        """Close the connections to Redis, where there are any."""
        if self._shared is not None:
            await self._shared.aclose()

    async def _work(self, name: str, work: _Work[Result]) -> Result:
        shared = self._shared
        if shared is not None and shared.expected():
            try:
                result = await work(shared.strategy)
            except UNAVAILABLE as error:
                shared.failed(error)
            else:
                shared.answered()
                return result
        return await work(self._own[name])

    def _identify(self, name: str, key: tuple[str, ...]) -> str:
        text = "\0".join((name, *key)).encode("utf-8", "surrogatepass")
        return f"{name}/{hmac.digest(self._secret, text, 'sha256')[:16].hex()}"

    def _name_own(self, name: str, key: tuple[str, ...]) -> str:
        """The name of the counter, as the strategies of `limits` name it."""
        limit = self._limits[name]
        if limit is None:
            raise LookupError(f"{name} is off and counts nothing")
        return limit.key_for(self._identify(name, key))
