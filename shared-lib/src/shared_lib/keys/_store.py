"""Signing keys in PostgreSQL: read, begun and turned, by any number of replicas and operators."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from shared_lib.jwks import generate_private_key, public_jwk
from shared_lib.keys._cipher import KeyCipher
from shared_lib.keys._lifecycle import (
    KeyRecord,
    KeyState,
    RotationPlan,
    Schedule,
    plan_rotation,
)

__all__ = ["Rotation", "SigningKeyStore"]

# One rotation at a time. A number of our own choice; nothing else in the database uses it.
LOCK = "SELECT pg_advisory_xact_lock(7517008)"
# All instants are the database's: replicas may disagree about the time, rows may not. Read after
# the lock is held, which the start of the transaction is not.
NOW = "SELECT clock_timestamp()"
LOAD = """
SELECT kid, state, public_jwk::text AS public_jwk, private_key,
       published_at, activated_at, deactivated_at, retired_at
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
class _NewKey:
    kid: str
    public_jwk: dict[str, Any]
    private_key: bytes


class SigningKeyStore:
    """The keys of one database. Works on a connection that the caller lends, in no transaction.

    What the role needs stands at `signing_keys_table`.
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
        keys = await self.load(connection)
        await self._open_all(keys)
        plan_rotation(keys, await connection.fetchval(NOW), self.schedule)
        fresh = await self._make()
        async with connection.transaction(isolation="read_committed"):
            await connection.execute(LOCK)
            keys = await self.load(connection)
            plan = plan_rotation(keys, await connection.fetchval(NOW), self.schedule)
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
        upcoming = next(key for key in after if key.state is KeyState.NEXT)
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
    )
