"""Where a sign-in session began and where it was used last."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.conftest import Identity, Person


async def row_of(identity: Identity, person: Person) -> dict[str, Any]:
    row = await identity.admin.fetchrow(
        "SELECT client_ip, user_agent, last_client_ip FROM sign_in_sessions WHERE person_id = $1",
        person.id,
    )
    return dict(row)


def client_at(identity: Identity, address: str, agent: str) -> httpx.AsyncClient:
    """A client whose peer address is `address`."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(identity.app, client=(address, 1)),
        base_url="http://identity",
        headers={"user-agent": agent},
    )


async def test_where_it_began_stays_and_where_it_was_used_last_follows(identity: Identity) -> None:
    person = await identity.make_person()
    form = {"username": person.email, "password": person.password}
    async with client_at(identity, "192.0.2.7", "Firefox/" + "1" * 400) as client:
        answer = (await client.post("/token", data=form)).json()
    began = {"client_ip": "192.0.2.7", "user_agent": "Firefox/" + "1" * 248}
    assert await row_of(identity, person) == {**began, "last_client_ip": "192.0.2.7"}
    form = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    async with client_at(identity, "2001:db8::9", "curl") as client:
        assert (await client.post("/token", data=form)).status_code == 200
    assert await row_of(identity, person) == {**began, "last_client_ip": "2001:db8::9"}


async def test_a_refused_refresh_is_no_use(identity: Identity) -> None:
    person = await identity.make_person()
    answer = await identity.sign_in(person)
    before = await row_of(identity, person)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": answer["refresh_token"],
        "tenant_id": str(UUID(int=7)),
    }
    async with client_at(identity, "198.51.100.1", "curl") as client:
        assert (await client.post("/token", data=form)).status_code == 400
    assert await row_of(identity, person) == before


@pytest.mark.parametrize("agent", ["", "x"])
async def test_a_client_without_a_name_has_none(identity: Identity, agent: str) -> None:
    person = await identity.make_person()
    form = {"username": person.email, "password": person.password}
    async with client_at(identity, "192.0.2.7", agent) as client:
        assert (await client.post("/token", data=form)).status_code == 200
    assert (await row_of(identity, person))["user_agent"] == (agent or None)
