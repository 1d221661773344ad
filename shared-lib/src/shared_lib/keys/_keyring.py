"""The keys of one running identity service: what it signs with, publishes and verifies with."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import asyncpg

from shared_lib.errors import KeysUnavailable
from shared_lib.jwks import (
    FetchedKeys,
    RefreshedKeys,
    Refreshing,
    document_etag,
    jwks_document,
    read_jwks,
)
from shared_lib.keys._lifecycle import KeyRecord, KeyState
from shared_lib.keys._store import SigningKeyStore
from shared_lib.tokens import SigningKey, VerificationKey

__all__ = ["Keyring", "PublishedKeys"]

_LONGEST_INTERVAL = 2.0  # seconds, for a revoked key signs until each process has read of it
_LONGEST_RETRY = 10.0
_COOL_DOWN = 1.0


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The answer of the JWKS endpoint; `max_age` is its Cache-Control, in seconds."""

    body: bytes
    etag: str
    max_age: int


class Keyring:
    """Signs, publishes and verifies with the keys of the table. One per process.

    It reads the table again every two seconds, or in every quarter of a shorter margin, so that a
    key that another process revoked signs no longer, and one that another process published is
    published here too long before anybody signs with it. A keyring that
    could not read for half a margin neither signs nor publishes, because others may have moved
    on: its callers get KeysUnavailable, and verifiers keep the key set that they have.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[asyncpg.Connection]],
        store: SigningKeyStore,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._store = store
        margin = store.schedule.margin
        self._interval = min(margin / 4, _LONGEST_INTERVAL)
        self._stale_after = margin / 2
        self._records: tuple[KeyRecord, ...] = ()
        self._fetched: FetchedKeys | None = None
        self._signing: SigningKey | None = None
        self._published: PublishedKeys | None = None
        self._keys = RefreshedKeys(
            self._load,
            refreshing=Refreshing(
                cool_down=min(self._interval, _COOL_DOWN),
                unknown_ttl=self._interval,
                longest_retry=min(margin / 4, _LONGEST_RETRY),
            ),
            clock=clock,
        )

    async def start(self) -> None:
        """Make the first key where there is none, read the table, and go on reading it.

        Raises KeysUndecryptable, whatever the connection raises, or KeysUnavailable.
        """
        async with self._connect() as connection:
            await self._store.ensure(connection)
        await self.refresh()
        self._keys.start()

    async def aclose(self) -> None:
        """Stop reading the table."""
        await self._keys.aclose()

    def signing_key(self) -> SigningKey:
        """The key to sign with now; KeysUnavailable when the table could not be read lately."""
        self._refuse_stale()
        if self._signing is None:
            raise KeysUnavailable
        return self._signing

    def published(self) -> PublishedKeys:
        """What the JWKS endpoint answers; KeysUnavailable when the table could not be read."""
        self._refuse_stale()
        if self._published is None:
            raise KeysUnavailable
        return self._published

    async def records(self) -> tuple[KeyRecord, ...]:
        """Every key as it stands in the table, oldest first; private parts stay sealed."""
        async with self._connect() as connection:
            return await self._store.load(connection)

    async def refresh(self) -> None:
        """Read the table now, as after a revocation; KeysUnavailable, from why that fails."""
        if not await self._keys.refresh():
            raise KeysUnavailable from self._keys.error

    def on_removed(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with each kid that is no longer published."""
        self._keys.on_removed(callback)

    async def key(self, kid: str) -> VerificationKey | None:
        """See KeySource: identity verifies its own tokens as everybody else does."""
        return await self._keys.key(kid)

    def _refuse_stale(self) -> None:
        age = self._keys.age
        if age is None or age > self._stale_after:
            raise KeysUnavailable

    async def _load(self) -> FetchedKeys:
        records = await self.records()
        if self._fetched is None or records != self._records:
            published = jwks_document(
                record.public_jwk for record in records if record.state.is_published
            )
            fetched = FetchedKeys(read_jwks(published), self._interval)
            self._signing = await self._signing_key(records)
            self._published = self._answer(published)
            self._records, self._fetched = records, fetched
        return self._fetched

    async def _signing_key(self, records: tuple[KeyRecord, ...]) -> SigningKey | None:
        """Open the current key, unless it is the one that is open already."""
        for record in records:
            if record.state is KeyState.CURRENT:
                if self._signing is not None and self._signing.kid == record.kid:
                    return self._signing
                return await asyncio.to_thread(self._store.cipher.open, record)
        return None

    def _answer(self, document: Mapping[str, Any]) -> PublishedKeys:
        body = json.dumps(document, separators=(",", ":")).encode("ascii")
        return PublishedKeys(body, document_etag(body), self._store.schedule.max_age)
