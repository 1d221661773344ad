"""Bodies that are too long, whatever they say about themselves."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message, Scope

from .conftest import ORIGIN, Clients, Services

LIMIT = 2048


@pytest.fixture
async def limited(service: Services, clients: Clients) -> AsyncIterator[httpx.AsyncClient]:
    async with clients(service(body_limit_bytes=LIMIT)) as client:
        yield client


async def chunks(length: int) -> AsyncIterator[bytes]:
    for start in range(0, length, 500):
        yield b"x" * min(500, length - start)


def refused(response: httpx.Response) -> None:
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "body_too_large"


async def test_a_body_of_the_limit_passes(limited: httpx.AsyncClient) -> None:
    response = await limited.post("/public/read", content=b"x" * LIMIT)
    assert response.json() == {"length": LIMIT}
    response = await limited.post("/public/read", content=chunks(LIMIT))
    assert response.json() == {"length": LIMIT}


@pytest.mark.parametrize("path", ["/public/read", "/public/read-fields", "/public/ignore"])
async def test_one_byte_more_is_refused_by_its_length(
    limited: httpx.AsyncClient, path: str
) -> None:
    refused(await limited.post(path, content=b"x" * (LIMIT + 1)))


@pytest.mark.parametrize("path", ["/public/read", "/public/read-fields"])
async def test_one_byte_more_is_refused_by_counting(limited: httpx.AsyncClient, path: str) -> None:
    refused(await limited.post(path, content=chunks(LIMIT + 1)))


async def test_a_length_that_lies_is_found_out(limited: httpx.AsyncClient) -> None:
    headers = {"Content-Length": "10"}
    refused(await limited.post("/public/read", content=chunks(LIMIT + 1), headers=headers))


async def test_a_length_that_is_no_number_is_not_believed(limited: httpx.AsyncClient) -> None:
    for length in ("-1", "+1", "1e9", "٣"):
        headers = {b"Content-Length": length.encode()}
        refused(await limited.post("/public/read", content=chunks(LIMIT + 1), headers=headers))


async def test_an_absurd_length_is_too_large(limited: httpx.AsyncClient) -> None:
    for length in ("9" * 19, "9" * 5000):
        refused(await limited.post("/public/ignore", headers={"Content-Length": length}))


async def test_the_length_is_refused_before_the_token_is_asked_for(
    limited: httpx.AsyncClient,
) -> None:
    refused(await limited.post("/tell", content=b"x" * (LIMIT + 1)))


async def test_the_refusal_can_be_read_by_a_listed_origin(limited: httpx.AsyncClient) -> None:
    headers = {"Origin": ORIGIN}
    response = await limited.post("/public/read", content=b"x" * (LIMIT + 1), headers=headers)
    refused(response)
    assert response.headers["access-control-allow-origin"] == ORIGIN


async def test_nothing_is_read_past_the_limit(service: Services) -> None:
    given = 0
    sent: list[Message] = []
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/public/read",
        "headers": [],
        "query_string": b"",
        "client": None,
    }

    async def receive() -> Message:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    await service(body_limit_bytes=LIMIT)(scope, receive, send)
    assert sent[0]["status"] == 413
    assert given == 3
