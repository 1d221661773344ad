"""Secrets: two at most, replaced without a pause, revoked for ever, their use noted."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared_lib.clock import utc_now
from shared_lib.ids import uuid7
from tests.conftest import Identity
from tests.service_accounts.accounts import Account, Owner, refused


@pytest.fixture
async def account(identity: Identity) -> Account:
    return await (await Owner.make(identity)).create()


async def add(account: Account, **body: Any) -> Account:
    """The same account, with a further secret."""
    response = await account.owner.call("POST", f"{account.path}/secrets", json=body)
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    made = response.json()
    assert made["client_id"] == account.id
    return Account(account.owner, account.id, made["client_secret"], made["id"])


async def drop(account: Account, **params: str) -> None:
    path = f"{account.path}/secrets/{account.secret_id}"
    response = await account.owner.call("DELETE", path, params=params)
    assert response.status_code == 204, response.text


async def third(account: Account) -> tuple[int, str]:
    response = await account.owner.call("POST", f"{account.path}/secrets", json={})
    return response.status_code, "" if response.is_success else response.json()["detail"]


async def test_secrets_turn_without_a_pause(account: Account) -> None:
    successor = await add(account)
    assert (await account.ask()).status_code == (await successor.ask()).status_code == 200
    assert await third(account) == (409, "too_many_secrets")
    await drop(account)
    refused(await account.ask(), "invalid_client", "invalid_client", status=401)
    assert (await successor.ask()).status_code == 200
    assert await third(account) == (201, "")
    listed = (await account.detail())["secrets"]
    assert [secret["revoked_at"] is None for secret in listed] == [False, True, True]


async def test_a_secret_that_expired_makes_room(account: Account) -> None:
    second = await add(account, expires_in_days=1)
    assert (await second.ask()).status_code == 200
    shown = next(s for s in (await account.detail())["secrets"] if s["id"] == second.secret_id)
    life = datetime.fromisoformat(shown["expires_at"]) - utc_now()
    assert timedelta(hours=23) < life <= timedelta(days=1)
    await account.owner.identity.admin.execute(
        "UPDATE service_account_secrets SET expires_at = now() WHERE id = $1", second.secret_id
    )
    refused(await second.ask(), "invalid_client", "invalid_client", status=401)
    assert await third(account) == (201, "")


@pytest.mark.parametrize("already", [1, 0])
async def test_of_many_at_once_two_stay_alive(account: Account, already: int) -> None:
    if already == 0:
        await drop(account)
    codes = await asyncio.gather(*(third(account) for _ in range(6)))
    assert codes.count((201, "")) == 2 - already
    assert codes.count((409, "too_many_secrets")) == 4 + already


async def test_revoking_again_changes_nothing(account: Account) -> None:
    await drop(account)
    first = await account.detail()
    await drop(account)
    assert await account.detail() == first


async def used_at(account: Account) -> datetime | None:
    shown = (await account.detail())["secrets"]
    text = next(s["last_used_at"] for s in shown if s["id"] == account.secret_id)
    return None if text is None else datetime.fromisoformat(text)


async def test_the_use_of_each_secret_is_noted_once_a_minute(account: Account) -> None:
    successor = await add(account)
    before = utc_now()
    await successor.token()
    assert await used_at(account) is None
    first = await used_at(successor)
    assert first is not None
    assert before <= first <= utc_now()
    await successor.token()
    assert await used_at(successor) == first
    await successor.owner.identity.admin.execute(
        "UPDATE service_account_secrets SET last_used_at = now() - interval '61 s' WHERE id = $1",
        successor.secret_id,
    )
    await successor.token()
    later = await used_at(successor)
    assert later is not None
    assert later >= first


async def test_a_wrong_secret_is_no_use(account: Account) -> None:
    assert (await account.ask("pzs_wrong")).status_code == 401
    assert await used_at(account) is None


async def test_many_at_once_with_one_secret_all_get_a_token(account: Account) -> None:
    answers = await asyncio.gather(*(account.ask() for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_repeated_request_makes_nothing_and_shows_no_secret(account: Account) -> None:
    """An answer that holds a credential is not kept: the id of what was made is."""
    for path, body in (
        ("", {"name": "Once", "role": "viewer"}),
        (f"{account.path}/secrets", {}),
    ):
        options = {"json": body, "headers": {"Idempotency-Key": uuid7().hex}}
        first, again = [await account.owner.call("POST", path, **options) for _ in range(2)]
        assert first.status_code == 201, first.text
        assert (again.status_code, again.json()["detail"]) == (409, "request_already_done")
        assert again.json()["resource_id"] == first.json()["id"]
        assert "pzs_" not in again.text
    kept = await account.owner.identity.admin.fetchval(
        "SELECT count(*) FROM idempotency_keys WHERE encode(body, 'escape') LIKE '%pzs_%'"
    )
    assert kept == 0
