"""Signing keys in PostgreSQL: begun, turned and revoked by any number of replicas and operators."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg

from shared_lib.jwks import generate_private_key, public_jwk
from shared_lib.keys._cipher import KeyCipher
from shared_lib.keys._lifecycle import (
    KeyRecord,
    KeyState,
    RotationPlan,
    Schedule,
    plan_rotation,
    plan_turn,
)

__all__ = ["KeyRevocation", "Rotation", "SigningKeyStore", "UnknownKey"]

# One change at a time. A number of our own choice; nothing else in the database uses it.
LOCK = "SELECT pg_advisory_xact_lock(7517008)"
# All instants are the database's: replicas may disagree about the time, rows may not. Read after
# the lock is held, which the start of the transaction is not.
NOW = "SELECT clock_timestamp()"
LOAD = """
SELECT kid, state, public_jwk::text AS public_jwk, private_key,
       published_at, activated_at, deactivated_at, retired_at, revoked_at
FROM signing_keys ORDER BY created_at, kid
"""
# Two replicas that both found no key both come here, and the unique index on the state lets one.
INSERT = """
INSERT INTO signing_keys
       (kid, state, public_jwk, private_key, published_at, activated_at, created_at)
VALUES ($1, $2, $3::text::jsonb, $4, $5, CASE WHEN $2 = 'current' THEN $5::timestamptz END, $5)
ON CONFLICT DO NOTHING
"""
DEMOTE = """
UPDATE signing_keys SET state = 'previous', deactivated_at = $2, private_key = NULL
WHERE kid = $1 AND state = 'current'
"""
PROMOTE = """
UPDATE signing_keys SET state = 'current', activated_at = $2
WHERE kid = $1 AND state = 'next'
"""
RETIRE = """
UPDATE signing_keys SET state = 'retired', retired_at = $2
WHERE kid = ANY($1::text[]) AND state = 'previous'
"""
REVOKE = """
UPDATE signing_keys SET state = 'revoked', revoked_at = $2, private_key = NULL WHERE kid = $1
"""

_Plan: TypeAlias = Callable[[Sequence[KeyRecord], datetime, Schedule], RotationPlan | None]


class UnknownKey(LookupError):
    """There is no key of this kid."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did, as `kid`s, and from when `upcoming` may sign."""

    retired: tuple[str, ...]
    demoted: str | None
    promoted: str | None
    published: str | None
    upcoming: str
    signs_from: datetime


@dataclass(frozen=True, slots=True)
class KeyRevocation:
    """What a revocation did, as `kid`s. `state` is what the key was before.

    `promoted` signs in its place; verifiers that keep a key set know it by `known_from` only, None
    when all of them know it already.
    """

    kid: str
    state: KeyState
    revoked_at: datetime
    promoted: str | None = None
    known_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class _NewKey:
    kid: str
    public_jwk: dict[str, Any]
    private_key: bytes


class SigningKeyStore:
    """The keys of one database. Works on a connection that the caller lends.

    `rotate`, `turn` and `revoke` are part of the transaction that is open on it (READ COMMITTED),
    else one of their own. What the role needs stands at `signing_keys_table`.
    """

    def __init__(self, cipher: KeyCipher, schedule: Schedule) -> None:
        self.cipher = cipher
        self.schedule = schedule

    async def load(self, connection: asyncpg.Connection) -> tuple[KeyRecord, ...]:
        """Read every key, oldest first. Opens none."""
        return tuple(map(_record, await connection.fetch(LOAD)))

    async def ensure(self, connection: asyncpg.Connection) -> None:
        """Make the first key, which signs at once, and a next one, where there is none.

        Safe from any number of replicas at once: exactly one key of each comes to be. Raises
        KeysUndecryptable, and makes nothing, when a stored key cannot be opened.
        """
        keys = await self.load(connection)
        await self._open_all(keys)
        if not keys:
            await self._insert(connection, await self._make(), KeyState.CURRENT)
        if not any(key.state is KeyState.NEXT for key in keys):
            await self._insert(connection, await self._make(), KeyState.NEXT)
            # Another replica may have been faster, and may encrypt under another key.
            await self._open_all(await self.load(connection))

    async def rotate(self, connection: asyncpg.Connection) -> Rotation:
        """Take every step that is safe now; RotationRefused when there is none.

        Raises KeysUndecryptable when a stored key cannot be opened: what is encrypted under
        another key here would be unreadable to the service.
        """
        await self._open_all(await self.load(connection))
        rotation = await self._step(connection, plan_rotation)
        assert rotation is not None  # noqa: S101  it was refused otherwise
        return rotation

    async def turn(self, connection: asyncpg.Connection) -> Rotation | None:
        """Take every step that is due by itself, and safe; None when there is none.

        Raises KeysUndecryptable as `rotate` does.
        """
        return await self._step(connection, plan_turn)

    async def revoke(self, connection: asyncpg.Connection, kid: str) -> KeyRevocation:
        """Let none of a key's signatures count; in place of the current one another signs at once.

        That is the next one, whether or not everybody knows it, so that people can sign in again.
        Repeating it changes nothing. Raises UnknownKey, or KeysUndecryptable.
        """
        async with _transaction(connection):
            await connection.execute(LOCK)
            keys = await self.load(connection)
            key = next((each for each in keys if each.kid == kid), None)
            if key is None:
                raise UnknownKey(kid)
            if key.revoked_at is not None:
                return KeyRevocation(kid, key.state, key.revoked_at)
            await self._open_all(each for each in keys if each.kid != kid)
            now = await connection.fetchval(NOW)
            await connection.execute(REVOKE, kid, now)
            promoted = None
            if key.state is KeyState.CURRENT:
                promoted = await self._promote_at_once(connection, keys, now)
            if key.state in (KeyState.CURRENT, KeyState.NEXT):
                await self._insert(connection, await self._make(), KeyState.NEXT)
        known_from = None if promoted is None else self.schedule.signs_from(promoted)
        return KeyRevocation(
            kid,
            key.state,
            now,
            promoted=None if promoted is None else promoted.kid,
            known_from=None if known_from is None or known_from <= now else known_from,
        )

    async def _promote_at_once(
        self, connection: asyncpg.Connection, keys: Sequence[KeyRecord], now: datetime
    ) -> KeyRecord:
        """Let the next key sign, or a fresh one where there is none."""
        if any(key.state is KeyState.NEXT for key in keys):
            upcoming = _in_state(keys, KeyState.NEXT)
            await connection.execute(PROMOTE, upcoming.kid, now)
            return upcoming
        await self._insert(connection, await self._make(), KeyState.CURRENT)
        return _in_state(await self.load(connection), KeyState.CURRENT)

    async def _step(self, connection: asyncpg.Connection, plan_of: _Plan) -> Rotation | None:
        """Take the steps of a plan, if there are any when nobody else is taking some."""
        keys = await self.load(connection)
        if plan_of(keys, await connection.fetchval(NOW), self.schedule) is None:
            return None
        await self._open_all(keys)
        fresh = await self._make()
        async with _transaction(connection):
            await connection.execute(LOCK)
            keys = await self.load(connection)
            plan = plan_of(keys, await connection.fetchval(NOW), self.schedule)
            if plan is None:
                return None
            await self._carry_out(connection, plan, fresh)
            after = await self.load(connection)
        return self._report(plan, after)

    async def _carry_out(
        self, connection: asyncpg.Connection, plan: RotationPlan, fresh: _NewKey
    ) -> None:
        now = await connection.fetchval(NOW)
        await connection.execute(RETIRE, list(plan.retire), now)
        if plan.demote is not None:
            await connection.execute(DEMOTE, plan.demote, now)
        if plan.promote is not None:
            await connection.execute(PROMOTE, plan.promote, now)
        if plan.publish:
            await self._insert(connection, fresh, KeyState.NEXT)

    def _report(self, plan: RotationPlan, after: Sequence[KeyRecord]) -> Rotation:
        upcoming = _in_state(after, KeyState.NEXT)
        return Rotation(
            retired=plan.retire,
            demoted=plan.demote,
            promoted=plan.promote,
            published=upcoming.kid if plan.publish else None,
            upcoming=upcoming.kid,
            signs_from=self.schedule.signs_from(upcoming),
        )

    async def _open_all(self, keys: Iterable[KeyRecord]) -> None:
        for key in keys:
            if key.private_key is not None:
                await asyncio.to_thread(self.cipher.open, key)

    async def _make(self) -> _NewKey:
        return await asyncio.to_thread(self._generate)

    def _generate(self) -> _NewKey:
        private = generate_private_key()
        jwk = public_jwk(private.public_key())
        return _NewKey(jwk["kid"], jwk, self.cipher.seal(private))

    async def _insert(self, connection: asyncpg.Connection, key: _NewKey, state: KeyState) -> None:
        now = await connection.fetchval(NOW)
        await connection.execute(
            INSERT, key.kid, state.value, json.dumps(key.public_jwk), key.private_key, now
        )


@asynccontextmanager
async def _transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """The transaction that is open on the connection, or one of its own."""
    if connection.is_in_transaction():
        yield
    else:
        async with connection.transaction(isolation="read_committed"):
            yield


def _in_state(keys: Iterable[KeyRecord], state: KeyState) -> KeyRecord:
    return next(key for key in keys if key.state is state)


def _record(row: asyncpg.Record) -> KeyRecord:
    return KeyRecord(
        kid=row["kid"],
        state=KeyState(row["state"]),
        public_jwk=json.loads(row["public_jwk"]),
        private_key=row["private_key"],
        published_at=row["published_at"],
        activated_at=row["activated_at"],
        deactivated_at=row["deactivated_at"],
        retired_at=row["retired_at"],
        revoked_at=row["revoked_at"],
    )
