"""The JWKS client: an endpoint that is slow, wrong or away, and what callers notice of it."""

import asyncio
import gzip
import json

import httpx
import pytest
import respx

from shared_lib.errors import InvalidToken, KeysUnavailable
from shared_lib.jwks import JwksClient, Refreshing
from shared_lib.testing.tokens import ManualClock, TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier

URL = "https://identity.example.com/.well-known/jwks.json"
OLD, NEW = TokenIssuer(number=0), TokenIssuer(number=1)
OLD_KID, NEW_KID = OLD.signing_key.kid, NEW.signing_key.kid
DOWN = httpx.ConnectError("refused")


def answer(*issuers: TokenIssuer, max_age: str = "max-age=300") -> httpx.Response:
    keys = [key for issuer in issuers for key in issuer.jwks()["keys"]]
    return httpx.Response(200, json={"keys": keys}, headers={"Cache-Control": max_age})


async def test_a_known_key_is_asked_for_once(endpoint: respx.Route, client: JwksClient) -> None:
    assert not client.ready
    for _ in range(5):
        key = await client.key(OLD_KID)
        assert key is not None
        assert key.kid == OLD_KID
    assert endpoint.call_count == 1
    assert client.ready


async def test_concurrent_callers_share_one_fetch(
    endpoint: respx.Route, client: JwksClient
) -> None:
    released = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        await released.wait()
        return answer(OLD)

    endpoint.mock(side_effect=slow)
    waiting = [asyncio.create_task(client.key(OLD_KID)) for _ in range(50)]
    waiting += [asyncio.create_task(client.key(f"unknown-{n}")) for n in range(50)]
    await asyncio.sleep(0.05)
    released.set()
    keys = await asyncio.gather(*waiting)
    assert endpoint.call_count == 1
    assert all(key is not None for key in keys[:50])
    assert keys[50:] == [None] * 50


async def test_a_caller_who_comes_during_a_fetch_waits_for_it(
    endpoint: respx.Route, client: JwksClient
) -> None:
    released = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        await released.wait()
        return answer(OLD)

    endpoint.mock(side_effect=slow)
    first = asyncio.create_task(client.key("unknown"))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(client.key(OLD_KID))
    await asyncio.sleep(0.05)
    assert not second.done()
    released.set()
    assert await first is None
    assert await second is not None
    assert endpoint.call_count == 1


async def test_a_redirect_is_not_followed(client: JwksClient) -> None:
    with respx.mock(assert_all_called=False) as router:
        location = {"Location": "https://evil.example.com/jwks"}
        router.get(URL).mock(return_value=httpx.Response(302, headers=location))
        elsewhere = router.get(location["Location"]).mock(return_value=answer(OLD))
        assert not await client.refresh()
        assert elsewhere.call_count == 0


async def test_a_caller_that_goes_away_takes_nothing_from_the_others(
    endpoint: respx.Route, client: JwksClient
) -> None:
    released = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        await released.wait()
        return answer(OLD)

    endpoint.mock(side_effect=slow)
    leaving, staying = (asyncio.create_task(client.key(OLD_KID)) for _ in range(2))
    await asyncio.sleep(0.05)
    leaving.cancel()
    released.set()
    assert await staying is not None
    assert leaving.cancelled()
    assert endpoint.call_count == 1


async def test_unknown_kids_cause_one_refetch_per_cool_down(
    endpoint: respx.Route, client: JwksClient, clock: ManualClock
) -> None:
    await client.key(OLD_KID)
    flood = await asyncio.gather(*(client.key(f"flood-{n}") for n in range(100)))
    assert flood == [None] * 100
    assert endpoint.call_count == 2
    clock.now += 10
    flood = await asyncio.gather(*(client.key(f"later-{n}") for n in range(100)))
    assert flood == [None] * 100
    assert endpoint.call_count == 3
    assert await client.key(OLD_KID) is not None


@pytest.mark.parametrize("passed", [0, 10])
async def test_a_new_key_is_found_by_its_first_token(
    passed: float, endpoint: respx.Route, client: JwksClient, clock: ManualClock
) -> None:
    await client.key(OLD_KID)
    clock.now += passed
    endpoint.mock(return_value=answer(OLD, NEW))
    assert await client.key(NEW_KID) is not None
    assert endpoint.call_count == 2


async def test_an_endpoint_that_died_a_moment_ago_signs_nobody_out(
    endpoint: respx.Route, client: JwksClient
) -> None:
    await client.key(OLD_KID)
    endpoint.mock(side_effect=DOWN)
    asked = [asyncio.create_task(client.key(f"unknown-{n}")) for n in range(10)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in answers} == {KeysUnavailable}
    assert endpoint.call_count == 2
    with pytest.raises(KeysUnavailable):
        await client.key("asked-for-later")
    assert endpoint.call_count == 2  # the cool-down spares an endpoint that struggles


async def test_who_waits_for_the_cool_down_may_go_away(
    endpoint: respx.Route, client: JwksClient
) -> None:
    await client.key(OLD_KID)
    leaving, staying = (asyncio.create_task(client.key(NEW_KID)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    endpoint.mock(return_value=answer(OLD, NEW))
    assert await staying is not None
    assert leaving.cancelled()
    assert endpoint.call_count == 2


async def test_a_kid_that_a_fresh_set_lacks_is_not_asked_for_again_for_a_while(
    endpoint: respx.Route, client: JwksClient, clock: ManualClock
) -> None:
    assert await client.key("unknown") is None
    clock.now += 59
    assert await client.key("unknown") is None
    assert endpoint.call_count == 1
    clock.now += 1
    assert await client.key("unknown") is None
    assert endpoint.call_count == 2


async def test_a_flood_of_kids_is_remembered_within_bounds(
    endpoint: respx.Route, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    client = JwksClient(URL, http, refreshing=Refreshing(cool_down=0, unknown_ttl=60), clock=clock)
    for n in range(1100):
        assert await client.key(f"flood-{n}") is None
    assert endpoint.call_count == 1100
    await client.key("flood-1099")
    assert endpoint.call_count == 1100
    await client.key("flood-0")  # one of the 76 that were forgotten for the others
    assert endpoint.call_count == 1101


async def test_a_remembered_kid_is_known_as_soon_as_a_refresh_brings_it(
    endpoint: respx.Route, client: JwksClient
) -> None:
    assert await client.key(NEW_KID) is None
    endpoint.mock(return_value=answer(OLD, NEW))
    assert await client.refresh()
    assert await client.key(NEW_KID) is not None


async def test_nobody_is_signed_out_by_an_endpoint_that_is_away(
    endpoint: respx.Route, client: JwksClient, clock: ManualClock
) -> None:
    verifier = TokenVerifier(issuer=OLD.issuer, keys=client, audience=CORE_AUDIENCE)
    endpoint.mock(side_effect=DOWN)
    with pytest.raises(KeysUnavailable):
        await verifier.verify(OLD.person())
    clock.now += 10
    endpoint.mock(side_effect=None, return_value=answer(OLD))
    await verifier.verify(OLD.person())
    with pytest.raises(InvalidToken):
        await verifier.verify(NEW.person())
    clock.now += 60
    endpoint.mock(side_effect=DOWN)
    with pytest.raises(KeysUnavailable):
        await client.key("asked-for-now")
    await verifier.verify(OLD.person())
    calls = endpoint.call_count
    with pytest.raises(KeysUnavailable):
        await verifier.verify(NEW.person())
    assert endpoint.call_count == calls  # the cool-down spares an endpoint that struggles, too


BROKEN: dict[str, httpx.Response] = {
    "500": httpx.Response(500),
    "404": httpx.Response(404, json=OLD.jwks()),
    "204": httpx.Response(204),
    "no JSON": httpx.Response(200, text="<html>"),
    "a list": httpx.Response(200, json=[]),
    "empty set": httpx.Response(200, json={"keys": []}),
    "no body": httpx.Response(200),
    "keys given twice": httpx.Response(200, text='{"keys":[],"keys":[]}'),
    "private members": httpx.Response(200, json={"keys": [OLD.jwks()["keys"][0] | {"d": "AQAB"}]}),
    "longer than 64 KiB": httpx.Response(200, text=json.dumps(OLD.jwks()) + " " * 65536),
    "compressed": httpx.Response(
        200,
        stream=httpx.ByteStream(gzip.compress(json.dumps(OLD.jwks()).encode())),
        headers={"Content-Encoding": "gzip"},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_failed_refresh_keeps_the_old_keys(
    name: str, endpoint: respx.Route, client: JwksClient, clock: ManualClock
) -> None:
    await client.key(OLD_KID)
    endpoint.mock(return_value=BROKEN[name])
    assert not await client.refresh()
    assert await client.key(OLD_KID) is not None
    clock.now += 100_000
    assert await client.key(OLD_KID) is not None
    with pytest.raises(KeysUnavailable):
        await client.key(NEW_KID)


async def test_a_slow_endpoint_is_given_up(endpoint: respx.Route, http: httpx.AsyncClient) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        return answer(OLD)

    endpoint.mock(side_effect=hang)
    client = JwksClient(URL, http, refreshing=Refreshing(timeout=0.05))
    with pytest.raises(KeysUnavailable):
        await asyncio.wait_for(client.key(OLD_KID), 5)


async def test_a_key_that_left_the_set_verifies_nothing_more(
    endpoint: respx.Route, client: JwksClient
) -> None:
    await client.key(OLD_KID)
    endpoint.mock(return_value=answer(NEW))
    await client.refresh()
    assert await client.key(OLD_KID) is None


async def test_says_which_keys_left_the_set(endpoint: respx.Route, client: JwksClient) -> None:
    left: list[str] = []
    client.on_removed(left.append)
    await client.refresh()
    endpoint.mock(return_value=answer(OLD, NEW))
    await client.refresh()
    endpoint.mock(return_value=httpx.Response(500))
    await client.refresh()
    assert left == []
    endpoint.mock(return_value=answer(NEW))
    await client.refresh()
    assert left == [OLD_KID]


async def test_a_token_verified_by_a_key_that_left_is_verified_no_more(
    endpoint: respx.Route, client: JwksClient
) -> None:
    verifier = TokenVerifier(issuer=OLD.issuer, keys=client, audience=CORE_AUDIENCE)
    client.on_removed(verifier.forget_key)
    token = OLD.person()
    await verifier.verify(token)
    endpoint.mock(return_value=answer(NEW))
    await client.refresh()
    with pytest.raises(InvalidToken):
        await verifier.verify(token)


async def test_no_cache_on_the_way_answers(endpoint: respx.Route, client: JwksClient) -> None:
    await client.refresh()
    assert endpoint.calls.last.request.headers["cache-control"] == "no-cache"


async def test_asks_for_an_uncompressed_key_set(endpoint: respx.Route, client: JwksClient) -> None:
    await client.refresh()
    request = endpoint.calls.last.request
    assert request.headers["accept-encoding"] == "identity"
    assert "application/jwk-set+json" in request.headers["accept"]
