"""What counts as a receipt of the other service, and what as a token of it."""

import gzip
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from shared_lib.internal_client import ClientCredentials, InternalClient, NotDelivered
from shared_lib.testing.proxy import Proxy, answers, answers_http, resets

NO_CONTENT = answers_http(b"", status="204 No Content")
TOKEN = b'{"access_token": "abc", "expires_in": 900}'
NO_END = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

NO_RECEIPT = {
    "a page": answers_http(b"<html>Welcome</html>"),
    "accepted": answers_http(b"", status="202 Accepted"),
    "moved": answers_http(b"", status="302 Found", headers="Location: /elsewhere\r\n"),
    "moved nowhere": answers_http(b"", status="302 Found", headers="Location: http://[\r\n"),
    "no http": answers(b"\x15\x03\x01 no http\r\n\r\n"),
    "without an end": answers(NO_END.encode(), repeated=b"x" * 65536),
    "nothing": resets,
}

NO_TOKEN = {
    "a page": answers_http(b"<html>Welcome</html>"),
    "another shape": answers_http(b'["abc", 900]'),
    "a part": answers_http(TOKEN[:-5]),
    "no text": answers_http(b'{"access_token": 1, "expires_in": 900}'),
    "two lines": answers_http(b'{"access_token": "a\\nb", "expires_in": 900}'),
    "not ascii": answers_http('{"access_token": "ä", "expires_in": 900}'.encode()),
    "not utf-8": answers_http(b'{"access_token": "\xff", "expires_in": 900}'),
    "nested": answers_http(b'{"x":' + b"[" * 60_000),
    "compressed": answers_http(gzip.compress(TOKEN), headers="Content-Encoding: gzip\r\n"),
    "without an end": answers(NO_END.encode(), repeated=b" " * 65536),
}


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Stands where the other service would; behind it is nothing."""
    standing = Proxy(("127.0.0.1", 9))
    await standing.open()
    yield standing
    await standing.refuse()


@pytest.fixture
async def http(proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{proxy.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def _token() -> str:
    return "abc"


def credentials(
    http: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic
) -> ClientCredentials:
    return ClientCredentials(
        http, "/token", authorization="Basic Yzpz", audience="other", clock=clock
    )


async def test_a_receipt(proxy: Proxy, http: httpx.AsyncClient) -> None:
    proxy.behaviour = NO_CONTENT
    await InternalClient(http, _token).put("/internal/members/1", {})


@pytest.mark.parametrize("answer", NO_RECEIPT)
async def test_anything_but_a_receipt_is_not_delivered(
    proxy: Proxy, http: httpx.AsyncClient, answer: str
) -> None:
    proxy.behaviour = NO_RECEIPT[answer]
    with pytest.raises(NotDelivered):
        await InternalClient(http, _token).put("/internal/members/1", {})


@pytest.mark.parametrize("answer", NO_TOKEN)
async def test_what_is_no_token_is_not_kept(
    proxy: Proxy, http: httpx.AsyncClient, answer: str
) -> None:
    source = credentials(http)
    internal = InternalClient(http, source, refused=source.forget)
    proxy.behaviour = NO_TOKEN[answer]
    with pytest.raises(NotDelivered):
        await internal.put("/internal/members/1", {})
    proxy.behaviour = answers_http(TOKEN)
    assert await source() == "abc"


async def test_no_token_is_used_for_longer_than_an_hour(
    proxy: Proxy, http: httpx.AsyncClient
) -> None:
    now = [0.0]
    source = credentials(http, clock=lambda: now[0])
    proxy.behaviour = answers_http(b'{"access_token": "abc", "expires_in": 1e300}')
    assert await source() == "abc"
    proxy.behaviour = answers_http(b'{"access_token": "def", "expires_in": 900}')
    assert await source() == "abc"
    now[0] = 3600.0
    assert await source() == "def"
