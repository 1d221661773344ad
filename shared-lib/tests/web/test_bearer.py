"""Who gets past the bearer middleware, with really signed tokens."""

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message, Scope

from shared_lib.ids import uuid7
from shared_lib.testing.hostile import (
    GOOD_TRANSPORTS,
    HOSTILE_TRANSPORTS,
    GoodTransport,
    HostileTransport,
    Sent,
)
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier
from shared_lib.web import BearerMiddleware

from .conftest import Clients, Services, is_public, tenant_variable

CHALLENGE = 'Bearer realm="phase-zero"'
INVALID = 'Bearer realm="phase-zero", error="invalid_token"'


async def ask(client: httpx.AsyncClient, path: str, sent: Sent) -> httpx.Response:
    headers = list(sent.headers)
    url = f"{path}?{sent.query.decode()}"
    return await client.request("GET", url, headers=headers, content=sent.body)


def refused(response: httpx.Response, code: str) -> None:
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == code
    assert response.headers["www-authenticate"] == (
        CHALLENGE if code == "missing_token" else INVALID
    )


async def test_a_good_token_reaches_the_route(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    sub, tenant = uuid7(), uuid4()
    token = issuer.person(sub=sub, tenant_id=tenant)
    response = await client.get("/tell", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.json()["sub"] == str(sub)
    assert response.json()["tenant"] == str(tenant)


async def test_the_tenant_is_gone_when_the_request_is_over(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    token = issuer.person(tenant_id=uuid4())
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/tell", headers=headers)).json()["tenant"] is not None
    assert tenant_variable.get() is None
    assert (await client.get("/nowhere", headers=headers)).status_code == 404
    assert tenant_variable.get() is None
    assert (await client.get("/public/tell")).json()["tenant"] is None


async def test_a_tenant_left_in_the_context_does_not_reach_an_anonymous_request(
    client: httpx.AsyncClient,
) -> None:
    before = tenant_variable.set(uuid4())
    try:
        assert (await client.get("/public/tell")).json()["tenant"] is None
    finally:
        tenant_variable.reset(before)


@pytest.mark.parametrize("way", GOOD_TRANSPORTS, ids=lambda way: way.name)
async def test_a_good_way_to_send_a_token(
    client: httpx.AsyncClient, issuer: TokenIssuer, way: GoodTransport
) -> None:
    assert (await ask(client, "/tell", way.send(issuer.person()))).status_code == 200


@pytest.mark.parametrize("way", HOSTILE_TRANSPORTS, ids=lambda way: way.name)
async def test_a_hostile_way_to_send_a_token(
    client: httpx.AsyncClient, issuer: TokenIssuer, way: HostileTransport
) -> None:
    """What counts as no token is none on public operations, and a bad one is refused there too."""
    sent = way.send(issuer.person())
    refused(await ask(client, "/tell", sent), way.code)
    answer = await ask(client, "/public/tell", sent)
    if way.code == "missing_token":
        assert (answer.status_code, answer.json()["sub"]) == (200, None)
    else:
        refused(answer, way.code)


@pytest.mark.parametrize("path", ["/tell", "/nowhere", "/internal/tell"])
async def test_no_token(client: httpx.AsyncClient, path: str) -> None:
    refused(await client.get(path), "missing_token")


async def test_basic_reaches_a_public_operation_untouched(client: httpx.AsyncClient) -> None:
    sent = "Basic dXNlcjpwYXNz"
    response = await client.get("/public/tell", headers={"Authorization": sent})
    assert response.status_code == 200
    assert response.json()["authorization"] == sent
    assert response.json()["sub"] is None


async def test_an_expired_and_a_foreign_token(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    stranger = TokenIssuer(issuer.issuer, number=1)
    expired = issuer.person(issued_at=int(time.time()) - 3600)
    for token in (expired, stranger.person()):
        response = await client.get("/tell", headers={"Authorization": f"Bearer {token}"})
        refused(response, "invalid_token")


async def test_internal_paths_take_tokens_between_services_only(
    client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    person = {"Authorization": f"Bearer {issuer.person()}"}
    service = {"Authorization": f"Bearer {issuer.service_to_service()}"}
    assert (await client.get("/internal/tell", headers=service)).status_code == 200
    refused(await client.get("/internal/tell", headers=person), "invalid_token")
    refused(await client.get("/tell", headers=service), "invalid_token")
    assert (await client.get("/internals/tell", headers=person)).status_code == 200


async def test_where_anonymous_callers_are_members_a_token_is_still_looked_at(
    service: Services, clients: Clients, issuer: TokenIssuer
) -> None:
    tenant = uuid4()
    verifier = TokenVerifier(issuer=issuer.issuer, keys=issuer.keys, audience=CORE_AUDIENCE)
    anonymous = await verifier.verify(issuer.person(tenant_id=tenant))
    async with clients(service(anonymous=anonymous)) as client:
        answer = await client.get("/tell")
        assert (answer.json()["sub"], answer.json()["tenant"]) == (
            str(anonymous.sub),
            str(tenant),
        )
        assert (await client.get("/public/tell")).json()["sub"] is None
        bad = await client.get("/tell", headers={"Authorization": "Bearer x.y.z"})
        refused(bad, "invalid_token")
        refused(await client.get("/internal/tell"), "missing_token")


async def test_a_websocket_without_a_token_is_closed_before_it_opens(service: Services) -> None:
    sent: list[Message] = []
    scope: Scope = {
        "type": "websocket",
        "path": "/public/socket",
        "headers": [],
        "query_string": b"",
        "client": None,
        "subprotocols": [],
    }

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await service()(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_the_lifespan_passes() -> None:
    lifespans: list[str] = []

    async def app(scope: Scope, _receive: Any, _send: Any) -> None:
        lifespans.append(scope["type"])

    middleware = BearerMiddleware(
        app,
        verifier=None,  # type: ignore[arg-type]  # nothing is verified
        is_public=is_public,
        tenant_variable=tenant_variable,
    )
    await middleware({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # not called
    assert lifespans == ["lifespan"]
