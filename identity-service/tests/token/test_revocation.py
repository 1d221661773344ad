"""Token revocation: RFC 7009, and what becomes of whatever stood on the token."""

from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared_lib.clock import utc_now
from tests.conftest import CORE_SECRET, CoreReceiver, Identity, bearer
from tests.service_accounts.accounts import Account, Owner, basic, claims_in, refused
from tests.token.test_exchange import Support, support

__all__ = ["support"]

CORE = basic("product-core-api", CORE_SECRET)
WEB = {"client_id": "phase-zero-web"}


@pytest.fixture
async def account(identity: Identity) -> Account:
    return await (await Owner.make(identity)).create()


@pytest.fixture
async def signed_in(identity: Identity) -> dict[str, Any]:
    person, _ = await identity.make_member()
    return await identity.sign_in(person)


async def revoke(
    identity: Identity, token: str, headers: dict[str, str] | None = None, **form: str
) -> httpx.Response:
    return await identity.client.post("/revoke", data={"token": token, **form}, headers=headers)


def accepted(response: httpx.Response) -> None:
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"


async def is_signed_in(identity: Identity, answer: dict[str, Any]) -> bool:
    me = await identity.client.get("/me", headers=bearer(answer["access_token"]))
    return me.is_success


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "saml2"])
@pytest.mark.parametrize("named", [True, False])
async def test_a_persons_token_ends_its_session(
    identity: Identity,
    core: CoreReceiver,
    signed_in: dict[str, Any],
    which: str,
    hint: str | None,
    named: bool,  # noqa: FBT001
) -> None:
    """Whatever the hint says: it is a hint (section 2.1)."""
    form = (WEB if named else {}) | ({"token_type_hint": hint} if hint else {})
    accepted(await revoke(identity, signed_in[which], None, **form))
    assert not await is_signed_in(identity, signed_in)
    refreshed = await identity.refresh(signed_in["refresh_token"])
    refused(refreshed, "invalid_grant", "session_ended")
    sid = UUID(claims_in(signed_in["access_token"])["sid"])
    await core.learns(sid)
    accepted(await revoke(identity, signed_in[which], None, **form))
    assert len(core.revoked(sid)) == 1


async def test_other_sessions_of_the_person_live_on(identity: Identity) -> None:
    person, _ = await identity.make_member()
    here, elsewhere = await identity.sign_in(person), await identity.sign_in(person)
    accepted(await revoke(identity, here["refresh_token"]))
    assert await is_signed_in(identity, elsewhere)


async def test_a_spent_refresh_token_ends_its_session_too(
    identity: Identity, signed_in: dict[str, Any]
) -> None:
    """Whoever gives it back wants to be out, and whoever stole it must be."""
    successor = (await identity.refresh(signed_in["refresh_token"])).json()
    accepted(await revoke(identity, signed_in["refresh_token"]))
    assert not await is_signed_in(identity, successor)


def tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    return f"{head}.{payload}.{urlsafe_b64encode(signature.encode()).decode()[: len(signature)]}"


async def test_what_is_no_token_is_no_error(
    identity: Identity, account: Account, signed_in: dict[str, Any]
) -> None:
    """Section 2.2; the same answer to every client, whatever it was."""
    wrong = (
        "x",
        "a.b.c",
        "é" * 300,
        "x" * 20_000,
        tampered(signed_in["access_token"]),
        signed_in["refresh_token"][:-1],
        account.secret,
    )
    for token in wrong:
        for headers in (None, basic(account.id, account.secret), CORE):
            accepted(await revoke(identity, token, headers))
    assert await is_signed_in(identity, signed_in)
    assert (await account.ask()).status_code == 200


async def test_a_refresh_token_is_no_business_of_other_clients(
    identity: Identity, account: Account, signed_in: dict[str, Any]
) -> None:
    """And they do not learn that it is one."""
    for headers in (basic(account.id, account.secret), CORE):
        accepted(await revoke(identity, signed_in["refresh_token"], headers))
    assert await is_signed_in(identity, signed_in)


async def test_somebody_elses_access_token_is_refused(
    identity: Identity, account: Account, signed_in: dict[str, Any]
) -> None:
    """Section 2.1. It says no more than the token itself says to whoever has it."""
    sibling = await account.owner.create()
    token = await account.token()
    cases: tuple[tuple[str, dict[str, str] | None], ...] = (
        (signed_in["access_token"], basic(account.id, account.secret)),
        (signed_in["access_token"], CORE),
        (token, basic(sibling.id, sibling.secret)),
        (token, CORE),
        (token, None),
    )
    for text, headers in cases:
        refused(await revoke(identity, text, headers), "invalid_grant", "client_not_allowed")
    assert await is_signed_in(identity, signed_in)
    assert await is_active(account, token)


async def is_active(account: Account, token: str) -> bool:
    response = await account.post("/introspect", token=token)
    active: bool = response.json()["active"]
    return active


async def test_a_service_accounts_token_ends_alone(core: CoreReceiver, account: Account) -> None:
    token, other = await account.token(), await account.token()
    accepted(await account.post("/revoke", token=token))
    assert not await is_active(account, token)
    assert await is_active(account, other)
    assert await is_active(account, await account.token())
    jti = UUID(claims_in(token)["jti"])
    await core.learns(jti)
    accepted(await account.post("/revoke", token=token))
    (told,) = core.revoked(jti)
    assert (told["kind"], told["not_before"]) == ("session", None)
    assert datetime.fromisoformat(told["ended_at"]) <= utc_now()
    assert core.revoked(UUID(account.id)) == []


async def test_tokens_that_have_expired_are_forgotten(account: Account) -> None:
    admin = account.owner.identity.admin
    count = "SELECT count(*) FROM revoked_tokens WHERE account_id = $1"
    for expected in (1, 2):
        accepted(await account.post("/revoke", token=await account.token()))
        assert await admin.fetchval(count, account.id) == expected
    await admin.execute(
        "UPDATE revoked_tokens SET expires_at = now() - interval '2 min' WHERE account_id = $1",
        account.id,
    )
    accepted(await account.post("/revoke", token=await account.token()))
    assert await admin.fetchval(count, account.id) == 1


async def test_what_cannot_be_revoked_here_says_so(identity: Identity, support: Support) -> None:
    """Section 2.2.1: rather than pretend."""
    token = (await support.ask()).json()["access_token"]
    refused(await revoke(identity, token, CORE), "unsupported_token_type", "unsupported_token_type")
    own = await identity.client.post(
        "/token",
        data={"grant_type": "client_credentials", "audience": "identity-service/internal"},
        headers=CORE,
    )
    refused(
        await revoke(identity, own.json()["access_token"], CORE),
        "unsupported_token_type",
        "unsupported_token_type",
    )
    agent = await identity.client.get("/me", headers=bearer(support.agent_token))
    assert agent.status_code == 200


async def test_the_client_is_asked_first(
    identity: Identity, account: Account, signed_in: dict[str, Any]
) -> None:
    token = signed_in["refresh_token"]
    for headers, status in ((basic(account.id, "wrong"), 401), (basic("nobody", "x"), 401)):
        response = await revoke(identity, token, headers)
        refused(response, "invalid_client", "invalid_client", status=status)
    for form in (
        {"client_id": account.id},
        {"client_id": account.id, "client_secret": "wrong"},
        {"client_id": "phase-zero-web", "client_secret": "x"},
        {"client_secret": "x"},
    ):
        response = await revoke(identity, token, None, **form)
        refused(response, "invalid_client", "invalid_client")
    assert await is_signed_in(identity, signed_in)


async def test_the_form_is_read_as_at_the_token_endpoint(
    identity: Identity, account: Account
) -> None:
    client, headers = identity.client, basic(account.id, account.secret)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in ("", "token=", "token_type_hint=refresh_token"):
        response = await client.post("/revoke", content=body, headers=form | headers)
        refused(response, "invalid_request", "missing_parameter")
    response = await client.post("/revoke", content="token=a&token=b", headers=form)
    refused(response, "invalid_request", "repeated_parameter")
    response = await client.post("/revoke", json={"token": "a"})
    refused(response, "invalid_request", "invalid_content_type")
    response = await client.post(
        "/revoke", data={"token": "a", "client_secret": account.secret}, headers=headers
    )
    refused(response, "invalid_request", "repeated_parameter")
    assert (await client.get("/revoke", params={"token": "a"})).status_code == 405
    accepted(await client.post("/revoke", data={"token": "a"}, params={"token": "b"}))
