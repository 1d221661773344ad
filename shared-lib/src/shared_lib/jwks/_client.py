"""Verification keys over HTTP, from the `jwks_uri` of the identity service."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx
import structlog

from shared_lib.jwks._document import (
    MEDIA_TYPE,
    KeySetRefused,
    jwks_document,
    public_jwk,
    read_jwks,
)
from shared_lib.jwks._refreshed import FetchedKeys, RefreshedKeys, Refreshing
from shared_lib.other_service import ask
from shared_lib.tokens import VerificationKey, json_object

__all__ = ["JwksClient", "KeySetStore"]

_DEFAULT_MAX_AGE = 300.0
_SAVING_TIMEOUT = 3.0
_SHORTEST, _LONGEST = 1.0, 3600.0
_UNTIL_DROPPED = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds after each attempt
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)

logger = structlog.get_logger(__name__)


class KeySetStore(Protocol):
    """Where the last good key set survives a restart. A failure of it fails no request."""

    async def load(self) -> Mapping[str, Any] | None:
        """The document that was saved last, if any."""

    async def save(self, document: Mapping[str, Any]) -> None:
        """Keep a document in place of the one before."""


class JwksClient:
    """A KeySource that knows the keys of one JWKS endpoint. One per process.

    It lives on when the endpoint does not: see RefreshedKeys. Keys are kept for the answer's
    `max-age`, between one second and one hour, 300 seconds without one.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        store: KeySetStore | None = None,
        refreshing: Refreshing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._http = http
        self._store = store
        self._keys = RefreshedKeys(self._fetch, refreshing=refreshing or Refreshing(), clock=clock)
        self._saved: dict[str, Any] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._dropping: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether any key is known, so that tokens can be verified."""
        return bool(self._keys.keys)

    async def start(self) -> None:
        """Begin with the stored key set and refresh in the background; needs no endpoint."""
        if self._store is not None:
            try:
                document = await self._store.load()
                if document is not None:
                    self._keys.start_from(read_jwks(document))
                    self._saved = dict(document)
            except Exception as error:  # noqa: BLE001  the next refresh tries again
                logger.warning("stored_keys_not_loaded", error=repr(error))
        self._keys.start()

    async def aclose(self) -> None:
        """Stop refreshing, once a save under way has had its time. The HTTP client stays open."""
        for task in self._dropping:
            task.cancel()
        await asyncio.gather(*self._dropping, return_exceptions=True)
        await self._keys.aclose()
        if self._saving is not None:
            await asyncio.wait({self._saving}, timeout=_SAVING_TIMEOUT)

    async def key(self, kid: str) -> VerificationKey | None:
        """See KeySource."""
        return await self._keys.key(kid)

    def on_removed(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with each kid that leaves the set, such as a verifier's `forget_key`."""
        self._keys.on_removed(callback)

    async def refresh(self) -> bool:
        """Ask the endpoint now; whether it answered."""
        return await self._keys.refresh()

    def refresh_without(self, kid: str) -> None:
        """Ask the endpoint, in the background, until it no longer publishes a revoked key.

        For some seconds: a replica of it may not have heard yet. Waits for nothing.
        """
        if kid in self._keys.keys:
            task = asyncio.create_task(self._drop(kid))
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)

    async def _drop(self, kid: str) -> None:
        for pause in _UNTIL_DROPPED:
            await self._keys.refresh()
            if kid not in self._keys.keys:
                return
            await asyncio.sleep(pause)
        logger.warning("revoked_key_still_published", kid=kid)

    async def _fetch(self) -> FetchedKeys:
        headers = {
            "Accept": f"{MEDIA_TYPE}, application/json",
            # We keep it ourselves: a cache on the way would hide a new key, or a revoked one.
            "Cache-Control": "no-cache",
        }
        response, body = await ask(self._http, "GET", self._url, headers=headers)
        if response.status_code != httpx.codes.OK:
            raise KeySetRefused(f"status {response.status_code}")
        keys = read_jwks(json_object(body))
        self._save(keys)
        return FetchedKeys(keys, _lifetime(response.headers.get("cache-control", "")))

    def _save(self, keys: Mapping[str, VerificationKey]) -> None:
        """Save the keys that we believe, if they are others than before; nobody waits for it."""
        document = jwks_document(public_jwk(key.public) | {"kid": kid} for kid, key in keys.items())
        if self._store is None or document == self._saved or self._saving is not None:
            return
        self._saving = asyncio.create_task(self._save_to(self._store, document))

    async def _save_to(self, store: KeySetStore, document: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(_SAVING_TIMEOUT):
                await store.save(document)
            self._saved = document
        except Exception as error:  # noqa: BLE001  the next refresh tries again
            logger.warning("keys_not_stored", error=repr(error))
        finally:
            self._saving = None


def _lifetime(cache_control: str) -> float:
    """Seconds for which an answer is fresh (RFC 9111 section 5.2.2.1), within our bounds."""
    found = _MAX_AGE.search(cache_control)
    max_age = float(found[1]) if found else _DEFAULT_MAX_AGE
    return min(max(max_age, _SHORTEST), _LONGEST)
