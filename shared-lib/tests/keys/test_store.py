"""The store on a real PostgreSQL: one first key, rotations that exclude each other."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
from cryptography.fernet import Fernet

from shared_lib.jwks import public_jwk
from shared_lib.keys import (
    KeyCipher,
    KeyRecord,
    KeyState,
    KeysUndecryptable,
    RotationRefused,
    Schedule,
    SigningKeyStore,
)
from shared_lib.testing.tokens import private_key

pytestmark = pytest.mark.database

Connect = Callable[[], Awaitable[asyncpg.Connection]]

AGE = """
UPDATE signing_keys
SET published_at = published_at - $1::interval, deactivated_at = deactivated_at - $1::interval
"""


def states(keys: tuple[KeyRecord, ...]) -> list[str]:
    return sorted(key.state.value for key in keys)


def find(keys: tuple[KeyRecord, ...], state: KeyState) -> KeyRecord:
    (found,) = (key for key in keys if key.state is state)
    return found


async def test_an_empty_table_gets_a_key_that_signs_and_a_next_one(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    keys = await store.load(connection)
    assert states(keys) == ["current", "next"]
    for key in keys:
        assert store.cipher.open(key).kid == key.kid == key.public_jwk["kid"]
    await store.ensure(connection)
    assert await store.load(connection) == keys


async def test_of_many_replicas_exactly_one_makes_the_first_key(
    connect: Connect, store: SigningKeyStore
) -> None:
    connections = [await connect() for _ in range(4)]
    await asyncio.gather(*(store.ensure(connection) for connection in connections))
    found = [await store.load(connection) for connection in connections]
    assert states(found[0]) == ["current", "next"]
    assert all(keys == found[0] for keys in found)


async def test_rotation_too_early_is_refused_and_changes_nothing(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    before = await store.load(connection)
    with pytest.raises(RotationRefused) as refused:
        await store.rotate(connection)
    published_at = find(before, KeyState.NEXT).published_at
    assert refused.value.safe_at == published_at + timedelta(seconds=660)
    assert await store.load(connection) == before


async def test_a_whole_life(connection: asyncpg.Connection, store: SigningKeyStore) -> None:
    await store.ensure(connection)
    before = await store.load(connection)
    first, second = find(before, KeyState.CURRENT), find(before, KeyState.NEXT)

    await connection.execute(AGE, timedelta(seconds=661))
    rotation = await store.rotate(connection)
    assert (rotation.demoted, rotation.promoted) == (first.kid, second.kid)
    assert rotation.published == rotation.upcoming
    keys = await store.load(connection)
    assert states(keys) == ["current", "next", "previous"]
    assert find(keys, KeyState.PREVIOUS).private_key is None
    assert find(keys, KeyState.CURRENT).kid == second.kid
    assert find(keys, KeyState.NEXT).kid == rotation.published

    with pytest.raises(RotationRefused):
        await store.rotate(connection)

    await connection.execute(AGE, timedelta(seconds=3661))
    rotation = await store.rotate(connection)
    assert rotation.retired == (first.kid,)
    assert rotation.demoted == second.kid
    assert states(await store.load(connection)) == ["current", "next", "previous", "retired"]


async def test_a_retirement_alone_is_a_step(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute(AGE, timedelta(seconds=661))
    first = (await store.rotate(connection)).demoted
    await connection.execute(
        "UPDATE signing_keys SET deactivated_at = deactivated_at - $1::interval",
        timedelta(seconds=3661),
    )
    rotation = await store.rotate(connection)
    assert (rotation.retired, rotation.promoted, rotation.published) == ((first,), None, None)


async def test_a_missing_next_key_is_published_by_either(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    for make in (store.rotate, store.ensure):
        await store.ensure(connection)
        await connection.execute("DELETE FROM signing_keys WHERE state = 'next'")
        await make(connection)
        assert states(await store.load(connection)) == ["current", "next"]


async def test_the_declared_grants_are_enough(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    schema = await connection.fetchval("SELECT current_schema()")
    await connection.execute(
        f"GRANT USAGE ON SCHEMA {schema} TO identity_worker;"
        "GRANT SELECT, INSERT,"
        " UPDATE (state, private_key, activated_at, deactivated_at, retired_at)"
        " ON signing_keys TO identity_worker;"
        "SET ROLE identity_worker"
    )
    await store.ensure(connection)
    for seconds in (661, 3661):
        await connection.execute("RESET ROLE")
        await connection.execute(AGE, timedelta(seconds=seconds))
        await connection.execute("SET ROLE identity_worker")
        await store.rotate(connection)
    assert states(await store.load(connection)) == ["current", "next", "previous", "retired"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM signing_keys")


async def test_of_many_rotations_at_once_exactly_one_takes_the_step(
    connect: Connect, store: SigningKeyStore
) -> None:
    connections = [await connect() for _ in range(3)]
    await store.ensure(connections[0])
    await connections[0].execute(AGE, timedelta(seconds=661))
    results = await asyncio.gather(
        *(store.rotate(connection) for connection in connections), return_exceptions=True
    )
    assert sum(isinstance(result, RotationRefused) for result in results) == 2
    assert states(await store.load(connections[0])) == ["current", "next", "previous"]


async def test_keys_that_cannot_be_opened_are_never_replaced(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute(AGE, timedelta(seconds=661))
    before = await store.load(connection)
    stranger = SigningKeyStore(KeyCipher([Fernet.generate_key().decode()]), Schedule())
    for work in (stranger.ensure, stranger.rotate):
        with pytest.raises(KeysUndecryptable):
            await work(connection)
        assert await store.load(connection) == before


async def test_a_replica_with_another_encryption_key_notices_that_it_came_second(
    connect: Connect,
) -> None:
    stores = [
        SigningKeyStore(KeyCipher([Fernet.generate_key().decode()]), Schedule()) for _ in range(2)
    ]
    connections = [await connect() for _ in stores]
    results = await asyncio.gather(
        *(store.ensure(conn) for store, conn in zip(stores, connections, strict=True)),
        return_exceptions=True,
    )
    assert any(isinstance(result, KeysUndecryptable) for result in results)


@pytest.mark.parametrize(
    ("state", "sealed", "deactivated", "constraint"),
    [
        ("current", b"x", False, "signing_keys_one_current"),
        ("next", b"x", False, "signing_keys_one_next"),
        ("other", None, True, "state"),
        ("previous", b"x", True, "private_key"),
        ("previous", None, False, "instants"),
        ("current", b"x", True, "instants"),
    ],
)
async def test_the_table_itself_refuses(
    *,
    state: str,
    sealed: bytes | None,
    deactivated: bool,
    constraint: str,
    connection: asyncpg.Connection,
    store: SigningKeyStore,
) -> None:
    await store.ensure(connection)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await connection.execute(
            "INSERT INTO signing_keys (kid, state, public_jwk, private_key, published_at,"
            " activated_at, deactivated_at) VALUES ('x', $1, $2::text::jsonb, $3, now(),"
            " CASE WHEN $1 <> 'next' THEN now() END, CASE WHEN $4 THEN now() END)",
            state,
            json.dumps(public_jwk(private_key().public_key())),
            sealed,
            deactivated,
        )
    assert refused.value.constraint_name == constraint
