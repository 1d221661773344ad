"""Who guesses passwords waits; who owns one does not; and nobody learns who has an account."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
import redis
from fastapi import FastAPI, Request

from app.core.passwords import prepared
from app.core.process import Process
from app.core.throttle import TooManyAttempts, account_key, throttle_request
from shared_lib.ids import uuid7
from shared_lib.testing.redis import redis_server
from tests.conftest import PASSWORD, Identity, client_of
from tests.token.guessing import (
    ELSEWHERE,
    HOME,
    LIMITS,
    WAIT,
    WRONG,
    Serve,
    details,
    person_of,
    sign_in,
)


async def test_the_refusal_has_the_form_of_rfc_6749(service: FastAPI) -> None:
    await details(service, "ann@example.com", 3)
    refused = await sign_in(service, "ann@example.com")
    assert refused.status_code == 429
    assert refused.json().keys() == {"error", "error_description", "detail"}
    assert (refused.json()["error"], refused.json()["detail"]) == ("temporarily_unavailable", WAIT)
    assert refused.headers["content-type"] == "application/json"
    assert refused.headers["cache-control"] == "no-store"
    assert 1 <= int(refused.headers["retry-after"]) <= 3600


async def test_a_pair_that_fails_often_waits(service: FastAPI, identity: Identity) -> None:
    person = await person_of(identity)
    assert await details(service, person.email, 5) == [WRONG] * 3 + [WAIT] * 2
    assert await details(service, person.email, 1, PASSWORD) == [WAIT], "also with the right one"
    assert await details(service, person.email, 1, PASSWORD, peer=ELSEWHERE) == ["ok"]


async def test_success_lets_the_pair_begin_anew(service: FastAPI, identity: Identity) -> None:
    person = await person_of(identity)
    for _ in range(3):
        assert await details(service, person.email, 2) == [WRONG] * 2
        assert await details(service, person.email, 1, PASSWORD) == ["ok"]


async def test_other_people_of_an_address_are_not_the_pair(
    service: FastAPI, identity: Identity
) -> None:
    one, two = await person_of(identity), await person_of(identity)
    await details(service, one.email, 4)
    assert await details(service, two.email, 1, PASSWORD) == ["ok"]


async def test_spellings_of_an_address_are_one_account(
    service: FastAPI, identity: Identity
) -> None:
    """T21"""
    person = await person_of(identity)
    spellings = (person.email, person.email.upper(), person.email.lower())
    assert [await details(service, name, 1) for name in spellings] == [[WRONG]] * 3
    assert await details(service, person.email.title(), 1) == [WAIT]


async def test_an_address_that_fails_with_many_accounts_waits(
    service: FastAPI, identity: Identity
) -> None:
    found = [await details(service, f"{number}@example.com", 1) for number in range(9)]
    assert found == [[WRONG]] * 8 + [[WAIT]]
    person = await person_of(identity)
    assert await details(service, person.email, 1, PASSWORD) == [WAIT]
    assert await details(service, person.email, 1, PASSWORD, peer=ELSEWHERE) == ["ok"]


async def test_people_who_know_their_passwords_never_use_an_address_up(
    service: FastAPI, identity: Identity
) -> None:
    """An office behind one address signs in on Monday morning."""
    for _ in range(12):
        person = await person_of(identity)
        assert await details(service, person.email, 1, PASSWORD) == ["ok"]


async def test_many_guesses_at_once_are_counted_before_the_password_is_looked_at(
    service: FastAPI, identity: Identity
) -> None:
    person = await person_of(identity)
    answers = await asyncio.gather(*(sign_in(service, person.email) for _ in range(30)))
    found = [answer.json()["detail"] for answer in answers]
    assert (found.count(WRONG), found.count(WAIT)) == (3, 27)


async def test_nobody_learns_from_the_throttle_who_has_an_account(
    service: FastAPI, identity: Identity
) -> None:
    """The same answers, the same headers, the same work, however far it goes."""
    person = await person_of(identity)
    passwords = service.state.process.passwords

    async def told(username: str) -> list[tuple[int, dict[str, Any], dict[str, str], int]]:
        found = []
        for number in range(12):
            before = passwords.computed
            answer = await sign_in(service, username, peer=f"192.0.2.{number // 2}")
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name not in ("x-request-id", "retry-after")
            }
            work = passwords.computed - before
            found.append((answer.status_code, answer.json(), headers, work))
        return found

    known, unknown = await told(person.email), await told("nobody@example.com")
    assert known == unknown
    assert {(status, work) for status, _, _, work in known} == {(400, 1), (429, 0)}


async def test_what_was_never_looked_at_is_no_failure(serve: Serve, identity: Identity) -> None:
    """Too many hashes wait already: the answer is 503, and nobody has failed."""
    app, person = await serve(argon2_queue=0, argon2_concurrency=1), await person_of(identity)
    process: Process = app.state.process
    busy = process.passwords._places
    assert busy.acquire(blocking=False)
    try:
        assert await details(app, person.email, 9) == ["sign_in_busy"] * 9
    finally:
        busy.release()
    assert await details(app, person.email, 1, PASSWORD) == ["ok"]


async def test_a_forged_address_neither_evades_nor_frames(
    service: FastAPI, identity: Identity
) -> None:
    """TRUSTED_PROXIES is empty: the header is anybody's to write."""
    person = await person_of(identity)
    found = []
    for number in range(5):
        forged = {"X-Forwarded-For": f"192.0.2.{number}, {HOME}"}
        found += await details(service, person.email, 1, peer=ELSEWHERE, **forged)
    assert found == [WRONG] * 3 + [WAIT] * 2
    assert await details(service, person.email, 1, PASSWORD, peer=HOME) == ["ok"]


async def test_behind_a_trusted_proxy_the_client_counts(serve: Serve, identity: Identity) -> None:
    app, person = await serve(trusted_proxies=("10.0.0.0/8",)), await person_of(identity)
    attacker = {"X-Forwarded-For": f"{HOME}, {ELSEWHERE}"}
    assert await details(app, person.email, 4, peer="10.0.0.1", **attacker) == [WRONG] * 3 + [WAIT]
    owner = {"X-Forwarded-For": HOME}
    assert await details(app, person.email, 1, PASSWORD, peer="10.0.0.1", **owner) == ["ok"]


async def test_replicas_count_together_and_redis_learns_no_address(
    serve: Serve, identity: Identity
) -> None:
    person = await person_of(identity)
    with redis_server() as server:
        one, two = await serve(redis_url=server.url), await serve(redis_url=server.url)
        assert await details(one, person.email, 2) == [WRONG] * 2
        assert await details(two, person.email, 2) == [WRONG, WAIT]
        client = redis.Redis(port=server.port, decode_responses=True)
        keys = json.dumps([str(key) for key in client.scan_iter()]).lower()
        assert "sign_in_limit_pair" in keys
        assert not any(part in keys for part in (person.email.lower(), "example", HOME))
        assert await details(one, person.email, 1, PASSWORD, peer=ELSEWHERE) == ["ok"]


async def test_limits_that_are_off(serve: Serve, identity: Identity) -> None:
    app = await serve(**dict.fromkeys(LIMITS, "off"))
    person = await person_of(identity)
    assert await details(app, person.email, 30) == [WRONG] * 30


async def test_mails_are_asked_for_so_often_and_no_more(serve: Serve) -> None:
    app = await serve(mail_limit_account="2/hour", mail_limit_address="5/hour")

    async def ask(account: str, peer: str) -> str:
        request = Request({"type": "http", "state": {"client_ip": peer}, "headers": []})
        try:
            async with throttle_request(app.state.process, request, account) as may_mail:
                return "ok" if may_mail else "not sent"
        except TooManyAttempts as refusal:
            return "refused" if int(refusal.headers["retry-after"]) >= 1 else "at once"

    assert [await ask("Ann@example.com", f"192.0.2.{n}") for n in range(3)] == [
        "ok",
        "ok",
        "not sent",
    ]
    found = [await ask(f"{number}@example.com", HOME) for number in range(6)]
    assert found == ["ok"] * 5 + ["refused"]


@pytest.mark.database
async def test_what_the_database_takes_for_one_address_is_one_account(
    admin: asyncpg.Connection,
) -> None:
    """Or an attacker would get a fresh counter by writing the address another way."""
    for one in ("ANN@EXAMPLE.COM", "I-van_O'Neil+x@Example.com"):
        for other in (one.lower(), one.upper(), one.swapcase()):
            assert await admin.fetchval("SELECT lower($1) = lower($2)", one, other)
            assert account_key(one) == account_key(other) == one.lower()


async def test_no_spelling_of_an_address_has_a_counter_of_its_own(
    serve: Serve, identity: Identity
) -> None:
    """PostgreSQL's `lower` makes an i of U+0130, so that it would be the same person."""
    person = await identity.make_person(email=f"ivi-{uuid7().hex}@example.com")
    app = await serve()
    for spelled in (person.email.replace("i", "\u0130", 1), person.email.replace("i", "\u0130")):
        assert account_key(spelled) == ""
        assert await details(app, spelled, 1, PASSWORD) == [WRONG]


@pytest.mark.parametrize("part", ["username", "password"])
async def test_what_is_too_long_is_not_composed(
    serve: Serve, identity: Identity, part: str
) -> None:
    """Composing takes time by the square of the length, and stops everybody else meanwhile."""
    person = await person_of(identity)
    combining = "a" + "\u0315" * 60_000 + "\u0300" * 60_000
    form = {"username": person.email, "password": PASSWORD, part: combining}
    app = await serve()
    async with client_of(app) as client, asyncio.timeout(30):
        answer = await client.post("/token", data=form)
    assert answer.json()["detail"] == WRONG
    with pytest.raises(ValueError, match="too long"):
        prepared(combining)
