"""Who is counted as one, what refusals look like, and who can neither evade nor frame others."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import TokenVerifier
from shared_lib.web import address_group

from .conftest import PEER, Clients, Services

FEW = {
    "rate_limit_principal": "3/minute",
    "rate_limit_organization": "5/minute",
    "rate_limit_address": "3/minute",
}
PROXY = "10.0.0.1"
VICTIM = "203.0.113.5"


@pytest.fixture
async def calling() -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Clients of one application, each at an address of its own."""
    async with AsyncExitStack() as opened:

        def client(app: FastAPI, peer: str = PEER) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app=app, client=(peer, 40000))
            made = httpx.AsyncClient(transport=transport, base_url="http://test")
            opened.push_async_callback(made.aclose)
            return made

        yield client


Calling = Callable[..., httpx.AsyncClient]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def statuses(
    client: httpx.AsyncClient, times: int, path: str = "/public/tell", **options: Any
) -> list[int]:
    return [(await client.get(path, **options)).status_code for _ in range(times)]


async def test_a_refusal_is_a_problem_that_says_when_to_come_back(
    service: Services, clients: Clients
) -> None:
    async with clients(service(**FEW)) as client:
        assert await statuses(client, 3) == [200, 200, 200]
        refused = await client.get("/public/tell")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["detail"], refused.json()["status"]) == ("rate_limited", 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-request-id"] == refused.json()["request_id"]


async def test_a_page_may_read_why_it_was_refused(service: Services, clients: Clients) -> None:
    origin = {"Origin": "https://console.example.com"}
    async with clients(service(**FEW)) as client:
        await statuses(client, 3)
        refused = await client.get("/public/tell", headers=origin)
    assert refused.status_code == 429
    assert refused.headers["access-control-allow-origin"] == origin["Origin"]
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


async def test_a_person_is_one_principal_whatever_token_and_address(
    service: Services, calling: Calling, issuer: TokenIssuer
) -> None:
    app, person = service(**FEW), uuid4()
    found = []
    for number in range(4):
        client = calling(app, f"198.51.100.{number}")
        found += await statuses(client, 1, "/tell", headers=bearer(issuer.person(sub=person)))
    assert found == [200, 200, 200, 429]
    stranger = bearer(issuer.person())
    assert await statuses(calling(app), 1, "/tell", headers=stranger) == [200]


async def test_an_organization_is_counted_over_all_of_its_people(
    service: Services, clients: Clients, issuer: TokenIssuer
) -> None:
    ours, theirs = uuid4(), uuid4()

    def headers(tenant_id: UUID) -> dict[str, str]:
        return bearer(issuer.person(tenant_id=tenant_id))

    async with clients(service(**FEW)) as client:
        found = [await statuses(client, 1, "/tell", headers=headers(ours)) for _ in range(6)]
        assert found == [[200]] * 5 + [[429]]
        machine = bearer(issuer.service(tenant_id=ours))
        assert await statuses(client, 1, "/tell", headers=machine) == [429]
        assert await statuses(client, 1, "/tell", headers=headers(theirs)) == [200]


async def test_a_refused_principal_costs_the_organization_nothing(
    service: Services, clients: Clients, issuer: TokenIssuer
) -> None:
    """One runaway integration does not shut its colleagues out."""
    tenant_id = uuid4()
    runaway = bearer(issuer.service(tenant_id=tenant_id))
    async with clients(service(**FEW)) as client:
        found = await statuses(client, 50, "/tell", headers=runaway)
        assert found == [200] * 3 + [429] * 47
        colleague = bearer(issuer.person(tenant_id=tenant_id))
        assert await statuses(client, 2, "/tell", headers=colleague) == [200, 200]


async def test_a_support_session_costs_the_agent_and_not_the_customer(
    service: Services, clients: Clients, issuer: TokenIssuer
) -> None:
    tenant_id, agent, member = uuid4(), uuid4(), uuid4()
    async with clients(service(**FEW)) as client:
        for _ in range(2):
            support = issuer.support(tenant_id=tenant_id, agent=agent, sub=member)
            assert await statuses(client, 1, "/tell", headers=bearer(support)) == [200]
        own = bearer(issuer.platform(sub=agent))
        assert await statuses(client, 2, "/tell", headers=own) == [200, 429]
        borrowed = bearer(issuer.person(tenant_id=tenant_id, sub=member))
        assert await statuses(client, 3, "/tell", headers=borrowed) == [200] * 3
        for _ in range(2):
            colleague = bearer(issuer.person(tenant_id=tenant_id))
            assert await statuses(client, 1, "/tell", headers=colleague) == [200]


async def test_our_own_services_are_never_refused(
    service: Services, clients: Clients, issuer: TokenIssuer
) -> None:
    async with clients(service(**FEW)) as client:
        headers = bearer(issuer.service_to_service())
        assert await statuses(client, 30, "/internal/tell", headers=headers) == [200] * 30


@pytest.mark.parametrize("path", ["/health/live", "/.well-known/jwks.json"])
async def test_orchestrators_and_verifiers_are_never_refused(
    service: Services, clients: Clients, path: str
) -> None:
    async with clients(service(**FEW)) as client:
        assert await statuses(client, 5) == [200, 200, 200, 429, 429]
        assert await statuses(client, 30, path) == [200] * 30


async def test_limits_that_are_off(service: Services, clients: Clients) -> None:
    off = dict.fromkeys(FEW, "off")
    async with clients(service(**off)) as client:
        assert await statuses(client, 50) == [200] * 50


async def test_anonymous_callers_count_by_address(
    service: Services, calling: Calling, issuer: TokenIssuer
) -> None:
    verifier = TokenVerifier(issuer=issuer.issuer, keys=issuer.keys, audience="product-core-api")
    anonymous = await verifier.verify(issuer.person(tenant_id=uuid4()))
    app = service(anonymous=anonymous, **FEW)
    assert await statuses(calling(app), 4, "/tell") == [200, 200, 200, 429]
    assert await statuses(calling(app, VICTIM), 1, "/tell") == [200]


async def test_a_forged_address_does_not_evade_the_limit(
    service: Services, calling: Calling
) -> None:
    """Without a trusted proxy the header is anybody's to write."""
    client = calling(service(**FEW))
    found = [
        (await client.get("/public/tell", headers={"X-Forwarded-For": f"192.0.2.{number}"}))
        for number in range(5)
    ]
    assert [response.status_code for response in found] == [200, 200, 200, 429, 429]


async def test_a_forged_address_does_not_frame_another(service: Services, calling: Calling) -> None:
    app = service(**FEW)
    attacker = calling(app)
    await statuses(attacker, 50, headers={"X-Forwarded-For": VICTIM})
    assert await statuses(calling(app, VICTIM), 1) == [200]


async def test_behind_a_proxy_a_forged_address_does_not_evade_the_limit(
    service: Services, calling: Calling
) -> None:
    """The proxy appends whom it saw; what stands left of that is the client's claim."""
    proxy = calling(service(trusted_proxies=("10.0.0.0/8",), **FEW), PROXY)
    found = [
        await proxy.get("/public/tell", headers={"X-Forwarded-For": f"192.0.2.{number}, {PEER}"})
        for number in range(5)
    ]
    assert [response.status_code for response in found] == [200, 200, 200, 429, 429]


async def test_behind_a_proxy_a_forged_address_does_not_frame_another(
    service: Services, calling: Calling
) -> None:
    proxy = calling(service(trusted_proxies=("10.0.0.0/8",), **FEW), PROXY)
    forged = {"X-Forwarded-For": f"{VICTIM}, {PEER}"}
    assert (await statuses(proxy, 9, headers=forged))[-1] == 429
    assert await statuses(proxy, 1, headers={"X-Forwarded-For": VICTIM}) == [200]


async def test_behind_a_proxy_clients_are_counted_apart(
    service: Services, calling: Calling
) -> None:
    proxy = calling(service(trusted_proxies=("10.0.0.0/8",), **FEW), PROXY)
    for number in range(10):
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        assert await statuses(proxy, 3, headers=headers) == [200] * 3


async def test_a_proxy_that_is_not_trusted_makes_one_client_of_all(
    service: Services, calling: Calling
) -> None:
    """What a forgotten TRUSTED_PROXIES looks like."""
    proxy = calling(service(**FEW), PROXY)
    found = [
        (await proxy.get("/public/tell", headers={"X-Forwarded-For": f"192.0.2.{number}"}))
        for number in range(4)
    ]
    assert found[-1].status_code == 429


async def test_the_addresses_of_one_customer_of_a_provider_are_one(
    service: Services, calling: Calling
) -> None:
    app = service(**FEW)
    found = []
    for number in range(4):
        found += await statuses(calling(app, f"2001:db8:1:2:{number:x}::1"), 1)
    assert found == [200, 200, 200, 429]
    assert await statuses(calling(app, "2001:db8:1:3::1"), 1) == [200]


async def test_who_has_no_address_is_not_counted_by_it(service: Services, calling: Calling) -> None:
    """Behind a Unix socket nobody has one; to count them all as one would shut all out."""
    assert await statuses(calling(service(**FEW), ""), 9) == [200] * 9


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_groups_of_addresses(address: str, group: str) -> None:
    assert address_group(address) == group
