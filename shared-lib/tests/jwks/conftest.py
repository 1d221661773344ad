"""An endpoint that respx plays, and a client of it whose clock stands still."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import respx

from shared_lib.jwks import JwksClient, Refreshing
from shared_lib.testing.tokens import ManualClock, TokenIssuer

URL = "https://identity.example.com/.well-known/jwks.json"
REFRESHING = Refreshing(cool_down=0.05, unknown_ttl=60, timeout=30)


@pytest.fixture
def endpoint() -> Iterator[respx.Route]:
    with respx.mock(assert_all_called=False) as router:
        yield router.get(URL).respond(json=TokenIssuer().jwks())


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(http: httpx.AsyncClient, clock: ManualClock) -> JwksClient:
    return JwksClient(URL, http, refreshing=REFRESHING, clock=clock)
