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
    UnknownKey,
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
        " UPDATE (state, private_key, activated_at, deactivated_at, retired_at, revoked_at)"
        " ON signing_keys TO identity_worker;"
        "SET ROLE identity_worker"
    )
    await store.ensure(connection)
    for seconds in (661, 3661):
        await connection.execute("RESET ROLE")
        await connection.execute(AGE, timedelta(seconds=seconds))
        await connection.execute("SET ROLE identity_worker")
        await store.rotate(connection)
    keys = await store.load(connection)
    assert states(keys) == ["current", "next", "previous", "retired"]
    await store.revoke(connection, find(keys, KeyState.CURRENT).kid)
    assert states(await store.load(connection)) == [
        *("current", "next", "previous", "retired", "revoked")
    ]
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


AGE_ALL = """
UPDATE signing_keys
SET published_at = published_at - $1::interval, activated_at = activated_at - $1::interval,
    deactivated_at = deactivated_at - $1::interval
"""


def turning(store: SigningKeyStore, period: float) -> SigningKeyStore:
    return SigningKeyStore(store.cipher, Schedule(period=period))


async def test_a_key_turns_when_it_has_signed_for_a_period(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    store = turning(store, 1000)
    await store.ensure(connection)
    before = await store.load(connection)
    assert await store.turn(connection) is None
    await connection.execute(AGE_ALL, timedelta(seconds=900))
    assert await store.turn(connection) is None  # safe, and not due
    await connection.execute(AGE_ALL, timedelta(seconds=101))
    rotation = await store.turn(connection)
    assert rotation is not None
    assert rotation.demoted == find(before, KeyState.CURRENT).kid
    assert rotation.promoted == find(before, KeyState.NEXT).kid
    assert await store.turn(connection) is None
    assert states(await store.load(connection)) == ["current", "next", "previous"]


async def test_a_key_that_is_due_waits_until_its_successor_is_known(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    store = turning(store, 100)
    await store.ensure(connection)
    await connection.execute(AGE_ALL, timedelta(seconds=600))
    assert await store.turn(connection) is None
    await connection.execute(AGE_ALL, timedelta(seconds=61))
    assert await store.turn(connection) is not None


async def test_a_key_retires_between_two_turns(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    store = turning(store, 100_000)
    await store.ensure(connection)
    await connection.execute(AGE_ALL, timedelta(seconds=100_001))
    turned = await store.turn(connection)
    assert turned is not None
    await connection.execute(AGE_ALL, timedelta(seconds=3661))
    retirement = await store.turn(connection)
    assert retirement is not None
    assert (retirement.retired, retirement.promoted) == ((turned.demoted,), None)
    assert states(await store.load(connection)) == ["current", "next", "retired"]


async def test_of_many_workers_exactly_one_turns(connect: Connect, store: SigningKeyStore) -> None:
    connections = [await connect() for _ in range(4)]
    store = turning(store, 100)
    await store.ensure(connections[0])
    await connections[0].execute(AGE_ALL, timedelta(seconds=661))
    turns = await asyncio.gather(*(store.turn(connection) for connection in connections))
    assert len([turn for turn in turns if turn is not None]) == 1
    assert states(await store.load(connections[0])) == ["current", "next", "previous"]


async def test_a_turn_is_undone_with_the_transaction_that_it_is_part_of(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute(AGE_ALL, timedelta(seconds=661))
    before = await store.load(connection)
    for step in (turning(store, 100).turn, store.rotate):
        await connection.execute("BEGIN")
        assert await step(connection) is not None
        await connection.execute("ROLLBACK")
        assert await store.load(connection) == before


async def test_a_table_that_nobody_has_begun_does_not_turn(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    assert await store.turn(connection) is None
    assert await store.load(connection) == ()


async def test_in_place_of_a_revoked_current_key_the_next_signs_at_once(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    before = await store.load(connection)
    current, upcoming = find(before, KeyState.CURRENT), find(before, KeyState.NEXT)
    revocation = await store.revoke(connection, current.kid)
    assert (revocation.state, revocation.promoted) == (KeyState.CURRENT, upcoming.kid)
    assert revocation.known_from == store.schedule.signs_from(upcoming)
    keys = await store.load(connection)
    assert states(keys) == ["current", "next", "revoked"]
    revoked = find(keys, KeyState.REVOKED)
    assert (revoked.kid, revoked.private_key) == (current.kid, None)
    assert revoked.revoked_at == revocation.revoked_at

    again = await store.revoke(connection, current.kid)
    assert (again.state, again.revoked_at) == (KeyState.REVOKED, revocation.revoked_at)
    assert await store.load(connection) == keys


async def test_a_next_key_that_everybody_knows_costs_nobody_anything(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute(AGE_ALL, timedelta(seconds=661))
    current = find(await store.load(connection), KeyState.CURRENT)
    revocation = await store.revoke(connection, current.kid)
    assert revocation.promoted is not None
    assert revocation.known_from is None


async def test_a_revoked_current_key_without_a_next_one_is_replaced_by_a_fresh_one(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    await connection.execute("DELETE FROM signing_keys WHERE state = 'next'")
    current = find(await store.load(connection), KeyState.CURRENT)
    revocation = await store.revoke(connection, current.kid)
    keys = await store.load(connection)
    assert states(keys) == ["current", "next", "revoked"]
    fresh = find(keys, KeyState.CURRENT)
    assert revocation.promoted == fresh.kid
    assert revocation.known_from == store.schedule.signs_from(fresh)


async def test_a_key_that_does_not_sign_is_revoked_alone(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    upcoming = find(await store.load(connection), KeyState.NEXT)
    revocation = await store.revoke(connection, upcoming.kid)
    assert (revocation.state, revocation.promoted) == (KeyState.NEXT, None)
    assert states(await store.load(connection)) == ["current", "next", "revoked"]

    await connection.execute(AGE_ALL, timedelta(seconds=661))
    previous = (await store.rotate(connection)).demoted
    assert previous is not None
    assert (await store.revoke(connection, previous)).state is KeyState.PREVIOUS
    assert states(await store.load(connection)) == ["current", "next", "revoked", "revoked"]


async def test_a_key_that_nobody_made_cannot_be_revoked(
    connection: asyncpg.Connection, store: SigningKeyStore
) -> None:
    await store.ensure(connection)
    before = await store.load(connection)
    with pytest.raises(UnknownKey):
        await store.revoke(connection, "unknown")
    assert await store.load(connection) == before


async def test_of_many_revocations_at_once_one_replaces_the_key(
    connect: Connect, store: SigningKeyStore
) -> None:
    connections = [await connect() for _ in range(4)]
    await store.ensure(connections[0])
    kid = find(await store.load(connections[0]), KeyState.CURRENT).kid
    results = await asyncio.gather(*(store.revoke(each, kid) for each in connections))
    assert len([result for result in results if result.promoted is not None]) == 1
    assert len({result.revoked_at for result in results}) == 1
    assert states(await store.load(connections[0])) == ["current", "next", "revoked"]


async def test_turns_and_a_revocation_at_once_leave_one_key_that_signs(
    connect: Connect, store: SigningKeyStore
) -> None:
    connections = [await connect() for _ in range(4)]
    store = turning(store, 100)
    await store.ensure(connections[0])
    await connections[0].execute(AGE_ALL, timedelta(seconds=661))
    current = find(await store.load(connections[0]), KeyState.CURRENT).kid
    await asyncio.gather(
        store.revoke(connections[0], current), *(store.turn(each) for each in connections[1:])
    )
    after = states(await store.load(connections[0]))
    assert after[:2] == ["current", "next"]
    assert after.count("revoked") == 1
