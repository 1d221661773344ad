"""Request ids, the access log, and what the log context holds meanwhile."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
import structlog
from fastapi import APIRouter
from structlog.testing import capture_logs
from structlog.typing import EventDict

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer

from .conftest import PEER, Clients, Services

A_UUID = "0d5a6bd9-7c52-4b53-9a42-5f1f0a3b9c11"
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@contextmanager
def lines() -> Iterator[list[EventDict]]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        yield logs


async def test_each_answer_has_a_fresh_id(client: httpx.AsyncClient) -> None:
    first, second = await client.get("/public/tell"), await client.get("/public/tell")
    ids = [response.headers["x-request-id"] for response in (first, second)]
    assert all(UUID.fullmatch(request_id) for request_id in ids)
    assert ids[0] != ids[1]
    assert first.json()["request_id"] == ids[0]


async def test_a_client_s_uuid_becomes_the_id(client: httpx.AsyncClient) -> None:
    theirs = str(uuid4())
    response = await client.get("/public/tell", headers={"X-Request-ID": theirs.upper()})
    assert response.headers.get_list("x-request-id") == [theirs]
    assert response.json()["request_id"] == theirs


@pytest.mark.parametrize("theirs", ["trace_42-a", f"{A_UUID}-2", A_UUID.replace("-", ""), "x" * 64])
async def test_another_id_of_theirs_is_logged_only(client: httpx.AsyncClient, theirs: str) -> None:
    with lines() as logs:
        response = await client.get("/public/tell", headers={"X-Request-ID": theirs})
    assert UUID.fullmatch(response.headers["x-request-id"])
    assert logs[0]["client_request_id"] == theirs
    assert logs[0]["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("sent", [b"x" * 65, b"a b", b"a'; DROP", b"", b"\xc3\xa9", b"a\x7fb"])
async def test_anything_else_is_ignored(client: httpx.AsyncClient, sent: bytes) -> None:
    with lines() as logs:
        response = await client.get("/public/tell", headers={b"X-Request-ID": sent})
    assert UUID.fullmatch(response.headers["x-request-id"])
    assert "client_request_id" not in logs[0]


async def test_two_ids_are_none(client: httpx.AsyncClient) -> None:
    theirs = str(uuid4())
    headers = [("X-Request-ID", theirs), ("X-Request-ID", str(uuid4()))]
    response = await client.get("/public/tell", headers=headers)
    assert UUID.fullmatch(response.headers["x-request-id"])
    assert response.headers["x-request-id"] != theirs


async def test_one_line_per_request_without_query_or_token(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    tenant, agent = uuid4(), uuid7()
    token = issuer.support(tenant_id=tenant, agent=agent, sub=uuid7())
    headers = {"Authorization": f"Bearer {token}"}
    with lines() as logs:
        response = await client.get("/tell?code=very-secret", headers=headers)
    (line,) = logs
    duration = line.pop("duration_ms")
    assert 0 < duration < 10_000
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/tell",
        "status": 200,
        "client_ip": PEER,
        "request_id": response.headers["x-request-id"],
        "tenant_id": str(tenant),
        "person": str(agent),
    }


async def test_the_route_is_logged_as_template_and_never_as_sent(
    client: httpx.AsyncClient,
) -> None:
    with lines() as logs:
        await client.get("/public/fail/very-secret")
        await client.get("/public/very-secret")
        await client.get("/very-secret")
    requests = [line for line in logs if line["event"] == "request"]
    assert [(line["route"], line["status"]) for line in requests] == [
        ("/public/fail/{number}", 500),
        (None, 404),
        (None, 401),
    ]
    assert "very-secret" not in str(requests)


async def test_an_included_route_is_logged_with_its_whole_path(
    service: Services, clients: Clients
) -> None:
    inner, outer = APIRouter(prefix="/popups"), APIRouter(prefix="/public/v1")

    @inner.get("/{popup_id}")
    async def popup(popup_id: int) -> int:
        return popup_id

    outer.include_router(inner)
    app = service()
    app.include_router(outer)
    async with clients(app) as client:
        with lines() as logs:
            assert (await client.get("/public/v1/popups/7")).json() == 7
            assert (await client.post("/public/v1/popups/7")).status_code == 405
    assert [line["route"] for line in logs] == ["/public/v1/popups/{popup_id}"] * 2


async def test_the_log_context_is_empty_afterwards(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    headers = {
        "Authorization": f"Bearer {issuer.person(tenant_id=uuid4())}",
        "X-Request-ID": "theirs",
    }
    await client.get("/tell", headers=headers)
    assert structlog.contextvars.get_contextvars() == {}
    with lines() as logs:
        await client.get("/public/tell")
    assert set(logs[0]) & {"tenant_id", "person", "client_request_id"} == set()
