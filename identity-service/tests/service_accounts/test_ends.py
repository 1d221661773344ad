"""What ends with an account, with a secret that got out, and who is told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared_lib.clock import utc_now
from tests.conftest import CoreReceiver, Identity, eventually
from tests.service_accounts.accounts import Account, Owner, claims_in, refused


@pytest.fixture
async def account(identity: Identity) -> Account:
    return await (await Owner.make(identity)).create()


async def told(core: CoreReceiver, account_id: str) -> datetime:
    """Until when the core was told that the account's tokens are dead."""
    await core.learns(UUID(account_id))
    *_, last = core.revoked(UUID(account_id))
    assert (last["kind"], last["tenant_id"]) == ("service_account", None)
    return datetime.fromisoformat(last["not_before"])


async def test_a_revoked_account_is_over_for_ever(core: CoreReceiver, account: Account) -> None:
    issued = claims_in(await account.token())["iat"]
    before = utc_now()
    await account.revoke()
    refused(await account.ask(), "invalid_client", "invalid_client", status=401)
    detail = await account.detail()
    assert not detail["active"]
    assert before <= datetime.fromisoformat(detail["revoked_at"]) <= utc_now()
    assert all(secret["revoked_at"] for secret in detail["secrets"])
    not_before = await told(core, account.id)
    # Also what a process whose clock is ahead may have issued at the same moment.
    assert not_before > utc_now()
    assert datetime.fromtimestamp(issued, UTC) <= not_before

    secrets = f"{account.path}/secrets"
    more = await account.owner.call("POST", secrets, json={})
    assert (more.status_code, more.json()["detail"]) == (409, "service_account_revoked")
    assert (await account.owner.call("DELETE", account.path)).status_code == 204
    for params in ({}, {"revoke_tokens": "true"}):
        path = f"{secrets}/{account.secret_id}"
        assert (await account.owner.call("DELETE", path, params=params)).status_code == 204
    assert await account.detail() == detail
    assert len(core.revoked(UUID(account.id))) == 1


@pytest.mark.parametrize("word", ["n", "yes", "1", "True", ""])
async def test_it_must_be_said_whether_tokens_end_too(account: Account, word: str) -> None:
    path = f"{account.path}/secrets/{account.secret_id}"
    response = await account.owner.call("DELETE", path, params={"revoke_tokens": word})
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert await account.token()


async def test_a_secret_that_got_out_takes_the_tokens_with_it(
    core: CoreReceiver, account: Account
) -> None:
    made = await account.owner.call("POST", f"{account.path}/secrets", json={})
    other = Account(account.owner, account.id, made.json()["client_secret"], made.json()["id"])
    issued = claims_in(await account.token())["iat"]
    path = f"{account.path}/secrets/{account.secret_id}"
    assert (await account.owner.call("DELETE", path)).status_code == 204
    # That it was revoked before does not matter.
    ended = await account.owner.call("DELETE", path, params={"revoke_tokens": "true"})
    assert ended.status_code == 204
    not_before = await told(core, account.id)
    assert len(core.revoked(UUID(account.id))) == 1
    assert datetime.fromtimestamp(issued, UTC) <= not_before <= utc_now() + timedelta(seconds=1)
    # At once, and alive: issued in a later second than the end of the others.
    next_one = claims_in(await other.token())["iat"]
    assert datetime.fromtimestamp(next_one, UTC) > not_before


async def test_who_asks_while_the_account_is_revoked_gets_nothing_that_lives(
    core: CoreReceiver, identity: Identity
) -> None:
    owner = await Owner.make(identity)
    for _ in range(5):
        account = await owner.create()
        answers = await asyncio.gather(
            *(account.ask() for _ in range(3)), account.revoke(), *(account.ask() for _ in range(3))
        )
        not_before = await told(core, account.id)
        for answer in answers:
            if answer is not None and answer.is_success:
                iat = claims_in(answer.json()["access_token"])["iat"]
                assert datetime.fromtimestamp(iat, UTC) <= not_before
        assert (await account.ask()).status_code == 401


def events(core: CoreReceiver, account: Account) -> list[dict[str, Any]]:
    """What the core's audit trail was told about the account, in the order of time."""
    told = [
        event
        for request in list(core.received)
        if request.path == "/internal/audit-events"
        for event in request.body["events"]
        if event["resource_id"] == account.id
    ]
    return sorted(told, key=lambda event: event["occurred_at"])


async def test_each_step_is_told_to_the_audit_trail(core: CoreReceiver, account: Account) -> None:
    made = await account.owner.call("POST", f"{account.path}/secrets", json={})
    path = f"{account.path}/secrets/{account.secret_id}"
    for params in ({}, {}, {"revoke_tokens": "true"}):
        await account.owner.call("DELETE", path, params=params)
    await account.revoke()

    async def complete() -> bool:
        return len({event["id"] for event in events(core, account)}) >= 5

    await eventually(complete)
    found = {event["id"]: event for event in events(core, account)}.values()
    assert [(event["action"], event["changes"]) for event in found] == [
        ("service_accounts.create", {"name": [None, "Importer"], "role": [None, "standard"]}),
        ("service_account_secrets.create", {"secret_id": [None, made.json()["id"]]}),
        ("service_account_secrets.revoke", {"secret_id": [account.secret_id, None]}),
        ("service_account_tokens.revoke", None),
        ("service_accounts.revoke", None),
    ]
    for event in found:
        assert event["tenant_id"] == str(account.owner.organization.id)
        assert event["actor_id"] == str(account.owner.person.id)
        assert event["outcome"] == "succeeded"
        assert account.secret not in str(event)
        assert made.json()["client_secret"] not in str(event)
