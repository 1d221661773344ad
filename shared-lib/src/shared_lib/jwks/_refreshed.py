"""A set of verification keys that is read again and again: when, by whom, and what if it fails."""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from shared_lib.errors import KeysUnavailable
from shared_lib.tokens import VerificationKey

__all__ = ["FetchedKeys", "RefreshedKeys", "Refreshing"]

_MAX_UNKNOWN = 1024
_BEFORE_EXPIRY = 0.75  # of the lifetime: a failed refresh is tried again before the keys are old
_JITTER = 0.1  # of the waiting time, so that replicas do not ask in step
_FIRST_RETRY = 0.5  # seconds; doubles with each failure

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refreshing:
    """The pace of refreshing, in seconds."""

    cool_down: float = 1.0  # at most one refetch for unknown kids in this time, for everybody
    unknown_ttl: float = 10.0  # a kid that a fresh set does not have is not asked for again
    timeout: float = 3.0  # of one whole fetch
    longest_retry: float = 10.0  # between two attempts in the background while none succeeds


@dataclass(frozen=True, slots=True)
class FetchedKeys:
    """One answer of the source: its keys, and for how many seconds they count as fresh."""

    keys: Mapping[str, VerificationKey]
    lifetime: float


class RefreshedKeys:
    """A KeySource over a source that can be slow, wrong or away. One per process and source.

    The set is refreshed in the background before it is old; a refresh that fails leaves it as it
    is. An unknown kid makes the set be fetched again, at most once per cool-down and once for all
    who wait for that; a kid that the fresh set lacks is remembered as unknown for a while. So a
    kid is unknown only when the source has said so after somebody asked. When it does not answer
    an unknown kid is KeysUnavailable: nobody may sign out for that.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[FetchedKeys]],
        *,
        refreshing: Refreshing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._refreshing = refreshing
        self._clock = clock
        self._keys: Mapping[str, VerificationKey] = {}
        self._lifetime = 0.0
        self._fetched_at: float | None = None  # of the last fetch that succeeded
        self._tried_at: float | None = None  # of the last fetch
        self._answered = False  # whether the last fetch succeeded
        self._error: Exception | None = None  # of the last fetch
        self._failures = 0  # in a row
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._fetching: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None  # a fetch, once the cool-down is over
        self._background: asyncio.Task[None] | None = None
        self._on_removed: list[Callable[[str], None]] = []

    @property
    def keys(self) -> Mapping[str, VerificationKey]:
        """The keys as they are known now, by kid."""
        return self._keys

    @property
    def age(self) -> float | None:
        """Seconds since the source last answered; None when it never has."""
        return None if self._fetched_at is None else self._clock() - self._fetched_at

    @property
    def error(self) -> Exception | None:
        """Why the last fetch failed; None when it did not."""
        return self._error

    def start_from(self, keys: Mapping[str, VerificationKey]) -> None:
        """Begin with keys that an earlier process knew, until the source has answered."""
        if self._fetched_at is None:
            self._keys = keys

    def on_removed(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with each kid that leaves the set."""
        self._on_removed.append(callback)

    def start(self) -> None:
        """Refresh in the background from now on, beginning at once."""
        if self._background is None:
            self._background = asyncio.create_task(self._refresh_forever())

    async def aclose(self) -> None:
        """Stop refreshing. What is known stays known."""
        tasks = [self._background, self._asking, self._fetching]
        self._background = self._asking = self._fetching = None
        for task in filter(None, tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def key(self, kid: str) -> VerificationKey | None:
        """See KeySource. Awaits nothing for a key that is known."""
        key = self._keys.get(kid)
        if key is not None or self._is_known_to_be_unknown(kid):
            return key
        await self._ask()
        key = self._keys.get(kid)
        if key is None:
            self._remember_unknown(kid)
        return key

    async def refresh(self) -> bool:
        """Fetch now, or wait for the fetch that is under way; whether the source answered."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_once())
        # A caller that goes away does not take the answer from the others.
        await asyncio.shield(self._fetching)
        return self._answered

    async def _ask(self) -> None:
        """Wait for an answer of the source that is younger than the question, or KeysUnavailable.

        A source that has failed a moment ago is spared; one that answered is asked again when the
        cool-down is over, for all who came meanwhile.
        """
        pause = 0.0 if self._fetching is not None else self._cooling_down()
        if pause <= 0:
            await self.refresh()
        elif self._answered:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask_after(pause))
            await asyncio.shield(self._asking)
        if not self._answered:
            raise KeysUnavailable

    async def _ask_after(self, pause: float) -> None:
        try:
            await asyncio.sleep(pause)
            await self.refresh()
        finally:
            self._asking = None

    async def _fetch_once(self) -> None:
        self._tried_at = self._clock()
        try:
            async with asyncio.timeout(self._refreshing.timeout):
                fetched = await self._fetch()
        except Exception as error:  # noqa: BLE001  whatever it was, the old keys are better
            self._answered, self._error = False, error
            self._failures += 1
            self._tried_at = self._clock()  # it may have taken long to fail
            logger.warning("keys_not_refreshed", error=repr(error), known=len(self._keys))
        else:
            self._answered, self._error = True, None
            self._failures = 0
            self._fetched_at = self._clock()
            self._lifetime = fetched.lifetime
            self._replace(fetched.keys)
        finally:
            self._fetching = None

    def _replace(self, keys: Mapping[str, VerificationKey]) -> None:
        removed = self._keys.keys() - keys.keys()
        self._keys = keys
        for kid in removed:
            for callback in self._on_removed:
                callback(kid)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(self._pause() * random.uniform(1 - _JITTER, 1))  # noqa: S311
            await self.refresh()

    def _pause(self) -> float:
        """Seconds until the next refresh in the background."""
        if self._failures:
            doubled = _FIRST_RETRY * 2.0 ** min(self._failures - 1, 16)
            return min(doubled, self._refreshing.longest_retry)
        return self._lifetime * _BEFORE_EXPIRY  # nothing before the first fetch

    def _cooling_down(self) -> float:
        """Seconds until the source may be asked for an unknown kid."""
        if self._tried_at is None:
            return 0.0
        return self._tried_at + self._refreshing.cool_down - self._clock()

    def _is_known_to_be_unknown(self, kid: str) -> bool:
        until = self._unknown.get(kid)
        return until is not None and self._clock() < until

    def _remember_unknown(self, kid: str) -> None:
        self._unknown[kid] = self._clock() + self._refreshing.unknown_ttl
        self._unknown.move_to_end(kid)
        if len(self._unknown) > _MAX_UNKNOWN:
            self._unknown.popitem(last=False)
