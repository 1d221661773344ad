"""An account that is guessed at from everywhere: slow for strangers, as ever for its person."""

import pytest
from fastapi import FastAPI

from app.core.links import link_token
from tests.conftest import PASSWORD, Identity, client_of, eventually
from tests.token.guessing import ELSEWHERE, HOME, WAIT, WRONG, Serve, details, person_of


async def under_attack(app: FastAPI, username: str) -> None:
    """So many failures, each from somewhere else, that the account is under attack."""
    for number in range(6):
        assert await details(app, username, 1, peer=f"192.0.2.{number}") == [WRONG]


async def test_an_account_under_attack_is_slow_for_strangers(
    service: FastAPI, identity: Identity
) -> None:
    person = await person_of(identity)
    await under_attack(service, person.email)
    assert await details(service, person.email, 1, peer="192.0.2.50") == [WRONG], "the slow lane"
    for number in range(51, 60):
        assert await details(service, person.email, 1, peer=f"192.0.2.{number}") == [WAIT]


@pytest.mark.parametrize(
    ("signed_in_from", "now_at"),
    [(HOME, HOME), ("2001:db8:1:2::1", "2001:db8:1:2:aaaa:bbbb:cccc:dddd")],
)
async def test_an_account_under_attack_lets_its_person_in_from_home(
    service: FastAPI, identity: Identity, signed_in_from: str, now_at: str
) -> None:
    """ASVS 6.1.1: nobody locks a person out by guessing. At IPv6, home is a /64."""
    person = await person_of(identity)
    assert await details(service, person.email, 1, PASSWORD, peer=signed_in_from) == ["ok"]
    await under_attack(service, person.email)
    assert await details(service, person.email, 2, peer=ELSEWHERE) == [WRONG, WAIT]
    for _ in range(3):
        assert await details(service, person.email, 1, PASSWORD, peer=now_at) == ["ok"]
    assert await details(service, person.email, 4, peer=now_at) == [WRONG] * 3 + [WAIT], "a pair"


async def test_home_is_where_somebody_was_within_thirty_days(
    service: FastAPI, identity: Identity
) -> None:
    person, other = await person_of(identity), await person_of(identity)
    assert await details(service, person.email, 1, PASSWORD) == ["ok"]
    await under_attack(service, person.email)
    await under_attack(service, other.email)
    assert await details(service, other.email, 2) == [WRONG, WAIT], "another one's home"
    ages = (
        "UPDATE sign_in_sessions SET last_used_at = now() - $2::text::interval WHERE person_id = $1"
    )
    await identity.admin.execute(ages, person.id, "29 days 23 hours")
    assert await details(service, person.email, 1) == [WRONG]
    await identity.admin.execute(ages, person.id, "31 days")
    assert await details(service, person.email, 2) == [WRONG, WAIT], "the slow lane, once"


async def test_an_account_under_attack_is_not_locked(serve: Serve, identity: Identity) -> None:
    """ASVS 6.3.1: the slow lane lets the right password in, also from a strange address."""
    app, person = await serve(sign_in_slow_lane="1/second"), await person_of(identity)
    await under_attack(app, person.email)

    async def is_in() -> bool:
        return await details(app, person.email, 1, PASSWORD, peer=ELSEWHERE) == ["ok"]

    await eventually(is_in, 60)


async def test_whoever_resets_the_password_comes_in_from_where_he_did(
    service: FastAPI, identity: Identity
) -> None:
    """The way in for a person at a new address, whose slow lane an attacker keeps full."""
    person = await person_of(identity)
    await under_attack(service, person.email)
    assert await details(service, person.email, 2, peer="192.0.2.50") == [WRONG, WAIT]
    await identity.admin.execute(
        "INSERT INTO password_resets (id, email, person_id, created_at, expires_at)"
        " VALUES ($1, $2, $1, now(), now() + interval '1 hour')",
        person.id,
        person.email,
    )
    token = link_token(identity.settings, "password-reset", person.id)
    async with client_of(service, ELSEWHERE) as client:
        body = {"token": token, "password": "yet another horse entirely"}
        answer = await client.post("/password-reset/complete", json=body)
    assert answer.status_code == 204, answer.text
    assert await details(service, person.email, 1, body["password"], peer=ELSEWHERE) == ["ok"]
    assert await details(service, person.email, 1, body["password"], peer=HOME) == [WAIT]
