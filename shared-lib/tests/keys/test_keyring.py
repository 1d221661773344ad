"""The keyring of a running service while others change the table."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet
from tests.waiting import until

from shared_lib.errors import InvalidToken, KeysUnavailable
from shared_lib.jwks import read_jwks
from shared_lib.keys import KeyCipher, Keyring, KeysUndecryptable, Schedule, SigningKeyStore
from shared_lib.testing.tokens import ManualClock
from shared_lib.tokens import (
    CORE_AUDIENCE,
    AccessTokenClaims,
    SignInSession,
    TokenVerifier,
    json_object,
    sign,
)

pytestmark = pytest.mark.database

ISSUER = "https://identity.example.com"
AGE = """
UPDATE signing_keys
SET published_at = published_at - $1::interval, deactivated_at = deactivated_at - $1::interval
"""


class Database:
    """Lends connections, until it is taken away."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.away = False
        self.lent = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[asyncpg.Connection]:
        if self.away:
            raise ConnectionRefusedError
        self.lent += 1
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture
def database(keys_url: str) -> Database:
    return Database(keys_url)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def keyring(
    database: Database, store: SigningKeyStore, clock: ManualClock
) -> AsyncIterator[Keyring]:
    keyring = Keyring(database.connect, store, clock=clock)
    await keyring.start()
    yield keyring
    await keyring.aclose()


def published_kids(keyring: Keyring) -> set[str]:
    return set(read_jwks(json_object(keyring.published().body)))


def signs_with(keyring: Keyring, kid: str | None) -> bool:
    with suppress(KeysUnavailable):  # a slow machine may have read too long ago
        return keyring.signing_key().kid == kid
    return False


def token_of(keyring: Keyring) -> str:
    now = int(ManualClock().now)
    session = SignInSession(sid=uuid4(), auth_time=now, amr=("pwd",))
    claims = AccessTokenClaims(ISSUER).person(
        sub=uuid4(), client_id="phase-zero-web", session=session, iat=now
    )
    return sign(claims, keyring.signing_key())


async def test_signs_publishes_and_verifies(keyring: Keyring) -> None:
    assert keyring.signing_key().kid in published_kids(keyring)
    assert len(published_kids(keyring)) == 2
    assert keyring.published().max_age == 300
    verifier = TokenVerifier(issuer=ISSUER, keys=keyring, audience=CORE_AUDIENCE)
    assert (await verifier.verify(token_of(keyring))).kid == keyring.signing_key().kid
    assert await keyring.key("unknown") is None


async def test_publishes_no_private_member(keyring: Keyring) -> None:
    for key in json_object(keyring.published().body)["keys"]:
        assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}


async def test_replicas_that_start_together_sign_with_one_key(
    database: Database, store: SigningKeyStore
) -> None:
    replicas = [Keyring(database.connect, store) for _ in range(4)]
    await asyncio.gather(*(replica.start() for replica in replicas))
    try:
        assert len({replica.signing_key().kid for replica in replicas}) == 1
        assert len({replica.published() for replica in replicas}) == 1
    finally:
        for replica in replicas:
            await replica.aclose()


async def test_notices_a_rotation_of_another_process(
    database: Database, encryption_key: str
) -> None:
    # A quarter of the margin is how often it looks, here once in a second.
    store = SigningKeyStore(KeyCipher([encryption_key]), Schedule(margin=4))
    keyring = Keyring(database.connect, store)
    await keyring.start()
    try:
        before, published, etag = token_of(keyring), published_kids(keyring), keyring.published()
        async with database.connect() as connection:
            await connection.execute(AGE, timedelta(seconds=661))
            rotation = await store.rotate(connection)
        assert rotation.promoted in published  # long before it signs
        assert keyring._keys._pause() <= 1
        await until(lambda: signs_with(keyring, rotation.promoted))
        assert published_kids(keyring) == published | {rotation.published}
        assert keyring.published().etag != etag.etag
        verifier = TokenVerifier(issuer=ISSUER, keys=keyring, audience=CORE_AUDIENCE)
        assert (await verifier.verify(before)).kid == rotation.demoted
        assert (await verifier.verify(token_of(keyring))).kid == rotation.promoted
    finally:
        await keyring.aclose()


async def test_a_retired_key_is_published_no_longer(
    keyring: Keyring, database: Database, store: SigningKeyStore
) -> None:
    first = keyring.signing_key().kid
    async with database.connect() as connection:
        await connection.execute(AGE, timedelta(seconds=661))
        await store.rotate(connection)
        await connection.execute(AGE, timedelta(seconds=3661))
        assert (await store.rotate(connection)).retired == (first,)
    second = Keyring(database.connect, store)
    await second.start()
    try:
        assert first not in published_kids(second)
        assert len(published_kids(second)) == 3
        assert await second.key(first) is None
    finally:
        await second.aclose()


async def test_a_key_that_another_process_published_is_found_by_its_token(
    database: Database, store: SigningKeyStore, clock: ManualClock
) -> None:
    async with database.connect() as connection:
        await store.ensure(connection)
    keyring = Keyring(database.connect, store, clock=clock)
    assert await keyring.key("unknown") is None
    async with database.connect() as connection:
        await connection.execute("DELETE FROM signing_keys WHERE state = 'next'")
        published = (await store.rotate(connection)).upcoming
    lent = database.lent
    asked = [keyring.key(published), *(keyring.key(f"flood-{n}") for n in range(20))]
    found = await asyncio.gather(*asked)
    assert found[0] is not None
    assert found[1:] == [None] * 20
    assert database.lent == lent + 1  # once, when the cool-down was over


async def test_a_revoked_key_signs_and_verifies_no_longer(
    database: Database, store: SigningKeyStore, clock: ManualClock
) -> None:
    here, elsewhere = (Keyring(database.connect, store, clock=clock) for _ in range(2))
    await here.start()
    await elsewhere.start()
    try:
        before = token_of(elsewhere)
        revoked = here.signing_key().kid
        verifier = TokenVerifier(issuer=ISSUER, keys=elsewhere, audience=CORE_AUDIENCE)
        noticed = asyncio.Event()
        elsewhere.on_removed(verifier.forget_key)
        elsewhere.on_removed(lambda _: noticed.set())
        assert (await verifier.verify(before)).kid == revoked
        async with database.connect() as connection:
            revocation = await store.revoke(connection, revoked)
        await here.refresh()
        await asyncio.wait_for(noticed.wait(), 10)
        for keyring in (here, elsewhere):
            assert keyring.signing_key().kid == revocation.promoted
            assert revoked not in published_kids(keyring)
        with pytest.raises(InvalidToken):
            await verifier.verify(before)
        assert (await verifier.verify(token_of(here))).kid == revocation.promoted
    finally:
        await here.aclose()
        await elsewhere.aclose()


async def test_neither_signs_nor_publishes_what_it_has_not_read_for_half_a_margin(
    keyring: Keyring, database: Database, clock: ManualClock
) -> None:
    kid = keyring.signing_key().kid
    database.away = True
    clock.now += 30
    assert keyring.signing_key().kid == kid
    clock.now += 1
    with pytest.raises(KeysUnavailable):
        keyring.signing_key()
    with pytest.raises(KeysUnavailable):
        keyring.published()
    assert await keyring.key(kid) is not None  # what it verifies is as true as before
    with pytest.raises(KeysUnavailable):
        await keyring.key("unknown")


async def test_does_not_start_over_keys_that_it_cannot_open(
    keyring: Keyring, database: Database
) -> None:
    stranger = SigningKeyStore(KeyCipher([Fernet.generate_key().decode()]), Schedule())
    with pytest.raises(KeysUndecryptable):
        await Keyring(database.connect, stranger).start()


async def test_does_not_start_without_the_table(database: Database, store: SigningKeyStore) -> None:
    database.away = True
    with pytest.raises(ConnectionRefusedError):
        await Keyring(database.connect, store).start()


async def test_a_keyring_that_was_not_started_has_nothing(
    database: Database, store: SigningKeyStore
) -> None:
    keyring = Keyring(database.connect, store)
    with pytest.raises(KeysUnavailable):
        keyring.signing_key()
    with pytest.raises(KeysUnavailable):
        keyring.published()
