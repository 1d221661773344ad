"""Whose address is believed."""

from ipaddress import ip_network
from typing import Any

import pytest

from shared_lib.web import client_address

from .conftest import PEER, Clients, Services

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def scope(peer: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"client": (peer, 4711) if peer is not None else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # the peer is not trusted
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # 1.2.3.4 is the client's claim
        ("10.0.0.1", ["1.2.3.4", "203.0.113.9, 10.9.9.9"], "203.0.113.9"),  # two lines, two hops
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),  # proxies only
        ("10.0.0.1", ["1.2.3.4, unknown"], "10.0.0.1"),  # nothing to the left is believed
        ("10.0.0.1", ["1.2.3.4, nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.0.0.1", ["203.0.113.9:51000"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:51000"], "2001:db8::1"),
        ("10.0.0.1", ["2001:DB8::0001"], "2001:db8::1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("10.0.0.1", ["é"], "10.0.0.1"),
        ("testclient", ["203.0.113.9"], "testclient"),
        ("", ["203.0.113.9"], ""),
        (None, ["203.0.113.9"], ""),
    ],
)
def test_the_right_most_address_that_no_proxy_has(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    assert client_address(scope(peer, *forwarded), TRUSTED) == expected


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert client_address(scope("10.0.0.1", "203.0.113.9"), ()) == "10.0.0.1"
    assert client_address(scope("::ffff:10.0.0.1", "203.0.113.9"), ()) == "10.0.0.1"
    assert client_address(scope("testclient", "203.0.113.9"), ()) == "testclient"


async def test_routes_see_what_the_settings_say(service: Services, clients: Clients) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    async with clients(service()) as client:
        assert (await client.get("/public/tell", headers=forwarded)).json()["client_ip"] == PEER
    async with clients(service(trusted_proxies=f"{PEER}/32")) as client:
        answer = await client.get("/public/tell", headers=forwarded)
        assert answer.json()["client_ip"] == "203.0.113.9"
