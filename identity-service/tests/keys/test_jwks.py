"""The JWKS endpoint: its document, and how it is cached."""

import httpx
import pytest

from tests.conftest import Identity

URL = "/.well-known/jwks.json"


@pytest.fixture
async def jwks(identity: Identity) -> httpx.Response:
    return await identity.client.get(URL)


async def test_it_shows_public_keys_and_nothing_else(jwks: httpx.Response) -> None:
    assert jwks.status_code == 200
    assert jwks.headers["content-type"] == "application/jwk-set+json"
    keys = jwks.json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


async def test_it_may_be_kept_for_five_minutes(jwks: httpx.Response) -> None:
    assert jwks.headers["cache-control"] == "public, max-age=300"
    assert jwks.headers["etag"].startswith('"')


@pytest.mark.parametrize("known", ["{0}", "W/{0}", '"other", {0}', "*"])
async def test_who_has_it_is_told_so(identity: Identity, jwks: httpx.Response, known: str) -> None:
    headers = {"If-None-Match": known.format(jwks.headers["etag"])}
    response = await identity.client.get(URL, headers=headers)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == jwks.headers["etag"]
    assert response.headers["cache-control"] == jwks.headers["cache-control"]


async def test_who_has_another_one_gets_it(identity: Identity, jwks: httpx.Response) -> None:
    response = await identity.client.get(URL, headers={"If-None-Match": '"other"'})
    assert response.content == jwks.content
