"""Counters that all processes share, in Redis, and what is done while Redis is away."""

import time
from collections.abc import Callable

import structlog
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

# Redis answers in well under a millisecond. Who waits longer for it waits for nothing.
_TIMEOUT = 0.25
_ASKED_AGAIN_AFTER = 5.0
_CONNECTIONS = 32

UNAVAILABLE = (RedisError, OSError)
_log = structlog.get_logger(__name__)


class SharedCounters:
    """Counters in the Redis of `url` (`redis://`, `rediss://` or `unix://`), under `prefix`.

    While Redis does not answer, one request in five seconds tries it and `expected` is False for
    all others. An outage is logged when it begins and when it ends.
    """

    def __init__(
        self, url: str, prefix: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            # Once, for a connection that died while it was idle.
            retry=Retry(NoBackoff(), 1),
        )
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=prefix,
            connection_pool=self._pool,  # type: ignore[arg-type]  # handed on to redis-py
        )
        self.strategy = FixedWindowRateLimiter(storage)
        self._clock = clock
        self._away_until: float | None = None

    def expected(self) -> bool:
        """Whether to ask Redis now. In an outage, True for one caller in five seconds."""
        if self._away_until is None:
            return True
        now = self._clock()
        if now < self._away_until:
            return False
        self._away_until = now + _ASKED_AGAIN_AFTER
        return True

    def failed(self, error: BaseException) -> None:
        """Redis did not answer."""
        if self._away_until is None:
            _log.warning("redis_unavailable", error=type(error).__name__, counted_in="memory")
        self._away_until = self._clock() + _ASKED_AGAIN_AFTER

    def answered(self) -> None:
        """Redis did answer."""
        if self._away_until is not None:
            _log.info("redis_available")
            self._away_until = None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()
