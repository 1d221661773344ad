"""The JWKS client over time and restarts: background refresh and the stored key set."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import respx
from tests.waiting import until

from shared_lib.errors import KeysUnavailable
from shared_lib.jwks import JwksClient, jwks_document
from shared_lib.testing.tokens import TokenIssuer

URL = "https://identity.example.com/.well-known/jwks.json"
OLD, NEW = TokenIssuer(number=0), TokenIssuer(number=1)
OLD_KID, NEW_KID = OLD.signing_key.kid, NEW.signing_key.kid
DOWN = httpx.ConnectError("refused")


class MemoryStore:
    """A KeySetStore in memory, which can be out of order."""

    def __init__(self, document: Mapping[str, Any] | None = None, *, broken: bool = False) -> None:
        self.document = document
        self.broken = broken
        self.saves = 0

    async def load(self) -> Mapping[str, Any] | None:
        if self.broken:
            raise OSError("no database")
        return self.document

    async def save(self, document: Mapping[str, Any]) -> None:
        self.saves += 1
        if self.broken:
            raise OSError("no database")
        self.document = document


def answer(*issuers: TokenIssuer, max_age: str = "max-age=300") -> httpx.Response:
    keys = [key for issuer in issuers for key in issuer.jwks()["keys"]]
    return httpx.Response(200, json={"keys": keys}, headers={"Cache-Control": max_age})


async def test_refreshes_in_the_background_before_the_keys_are_old(
    endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    endpoint.mock(return_value=answer(OLD, max_age="public, max-age=1"))
    client = JwksClient(URL, http)
    await client.start()
    try:
        await until(lambda: client.ready)
        assert client._keys._pause() == 0.75  # before the max-age of one second has passed
        endpoint.mock(return_value=answer(OLD, NEW))
        await until(lambda: NEW_KID in client._keys.keys)
        asked = endpoint.call_count
        assert asked >= 2
        assert await client.key(NEW_KID) is not None
        assert endpoint.call_count == asked
    finally:
        await client.aclose()


async def test_goes_on_trying_in_the_background_while_the_endpoint_is_away(
    endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    endpoint.mock(side_effect=DOWN)
    client = JwksClient(URL, http)
    await client.start()
    try:
        await until(lambda: endpoint.called)
        with pytest.raises(KeysUnavailable):
            await client.key(OLD_KID)
        endpoint.mock(side_effect=None, return_value=answer(OLD))
        await until(lambda: client.ready)
        assert await client.key(OLD_KID) is not None
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    "cache_control",
    ["", "no-store", "max-age=0", "max-age=99999999999999", "max-age=-1", "s-maxage=1, public"],
)
async def test_no_answer_makes_it_ask_all_the_time_or_never(
    cache_control: str, endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    endpoint.mock(return_value=answer(OLD, max_age=cache_control))
    client = JwksClient(URL, http)
    await client.start()
    await until(lambda: client.ready)
    assert 0.75 <= client._keys._pause() <= 2700
    assert endpoint.call_count == 1
    await client.aclose()


async def test_starts_from_the_stored_set_with_the_endpoint_away(
    endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    endpoint.mock(side_effect=DOWN)
    client = JwksClient(URL, http, store=MemoryStore(OLD.jwks()))
    await client.start()
    try:
        assert client.ready
        assert await client.key(OLD_KID) is not None
        with pytest.raises(KeysUnavailable):
            await client.key(NEW_KID)
    finally:
        await client.aclose()


async def test_stores_what_it_believes_once_and_only_the_public_part(
    endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    store = MemoryStore()
    client = JwksClient(URL, http, store=store)
    for _ in range(3):
        await client.refresh()
        await asyncio.sleep(0)
    await client.aclose()
    assert store.document == jwks_document(OLD.jwks()["keys"])
    assert store.saves == 1
    endpoint.mock(return_value=httpx.Response(500))
    await client.refresh()
    endpoint.mock(return_value=answer(OLD, NEW))
    await client.refresh()
    await client.aclose()
    assert store.saves == 2
    assert store.document == {"keys": OLD.jwks()["keys"] + NEW.jwks()["keys"]}


async def test_a_set_that_came_from_the_store_is_not_stored_again(
    endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    store = MemoryStore(OLD.jwks())
    client = JwksClient(URL, http, store=store)
    await client.start()
    await client.refresh()
    await client.aclose()
    assert store.saves == 0


@pytest.mark.parametrize(
    "store",
    [MemoryStore(broken=True), MemoryStore({"keys": "rubbish"}), MemoryStore({"keys": []})],
)
async def test_a_broken_store_breaks_no_verification(
    store: MemoryStore, endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    client = JwksClient(URL, http, store=store)
    await client.start()
    try:
        assert await client.key(OLD_KID) is not None
    finally:
        await client.aclose()


async def test_the_stored_set_does_not_replace_a_fetched_one(
    endpoint: respx.Route, http: httpx.AsyncClient
) -> None:
    endpoint.mock(return_value=answer(NEW))
    store = MemoryStore()
    client = JwksClient(URL, http, store=store)
    await client.refresh()
    await asyncio.sleep(0.05)  # the fetched set has been stored
    store.document = OLD.jwks()
    await client.start()
    try:
        assert await client.key(NEW_KID) is not None
        assert await client.key(OLD_KID) is None
    finally:
        await client.aclose()
