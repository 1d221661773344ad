"""Token introspection: RFC 7662; who may ask, about what, and what everybody else is told."""

from typing import Any

import httpx
import pytest

from tests.conftest import CORE_SECRET, Identity, Organization, Person, bearer
from tests.service_accounts.accounts import Account, Owner, basic, claims_in, refused
from tests.token.test_exchange import Support, support

__all__ = ["support"]

CORE = basic("product-core-api", CORE_SECRET)
INACTIVE = {"active": False}


@pytest.fixture
async def account(identity: Identity) -> Account:
    return await (await Owner.make(identity)).create("viewer")


@pytest.fixture
async def member(identity: Identity, account: Account) -> Person:
    """A colleague of the account."""
    person = await identity.make_person()
    await identity.join(person, account.owner.organization, "standard")
    return person


async def ask(identity: Identity, headers: dict[str, str], token: str, **form: str) -> Any:
    response = await identity.client.post(
        "/introspect", data={"token": token, **form}, headers=headers
    )
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    return response.json()


def told(token: str) -> dict[str, Any]:
    """What is to be told about an access token that is alive."""
    names = ("iss", "aud", "sub", "client_id", "iat", "exp", "jti", "tenant_id", "role")
    claims = claims_in(token)
    own = {name: claims[name] for name in names if name in claims}
    return {"active": True, "token_type": "Bearer", **own}


async def test_a_service_account_is_told_about_its_organization(
    identity: Identity, account: Account, member: Person
) -> None:
    sibling = await account.owner.create("admin")
    signed_in = await identity.sign_in(member)
    headers = basic(account.id, account.secret)
    tokens = (signed_in["access_token"], await account.token(), await sibling.token())
    for token in tokens:
        for hint in ({}, {"token_type_hint": "refresh_token"}, {"token_type_hint": "x"}):
            assert await ask(identity, headers, token, **hint) == told(token)
    posted = await identity.client.post(
        "/introspect",
        data={"token": tokens[0], "client_id": account.id, "client_secret": account.secret},
    )
    assert posted.json() == told(tokens[0])


async def test_and_about_nothing_else(
    identity: Identity, account: Account, member: Person, support: Support
) -> None:
    stranger = await (await Owner.make(identity)).create()
    foreign, _ = await identity.make_member()
    signed_in = await identity.sign_in(member)
    alone = await identity.sign_in(await identity.make_person())
    staff = await identity.sign_in(await identity.make_person(platform_role="platform_admin"))
    own = await identity.client.post(
        "/token",
        data={"grant_type": "client_credentials", "audience": "identity-service/internal"},
        headers=CORE,
    )
    tokens = (
        "x",
        "a.b.c",
        "é",
        account.secret,
        await stranger.token(),
        (await identity.sign_in(foreign))["access_token"],
        alone["access_token"],
        staff["access_token"],
        signed_in["refresh_token"],
        own.json()["access_token"],
        (await support.ask()).json()["access_token"],
    )
    for token in tokens:
        assert await ask(identity, basic(account.id, account.secret), token) == INACTIVE


async def test_the_core_is_told_about_every_token(
    identity: Identity, account: Account, member: Person
) -> None:
    signed_in = await identity.sign_in(member)
    staff = await identity.sign_in(await identity.make_person(platform_role="support_agent"))
    own = await identity.client.post(
        "/token",
        data={"grant_type": "client_credentials", "audience": "identity-service/internal"},
        headers=CORE,
    )
    narrow = await account.token(audience="product-core-api")
    for token in (
        signed_in["access_token"],
        staff["access_token"],
        await account.token(),
        narrow,
        own.json()["access_token"],
    ):
        assert await ask(identity, CORE, token) == told(token)


async def test_a_refresh_token_is_looked_at_and_not_spent(  # T31
    identity: Identity, member: Person
) -> None:
    signed_in = await identity.sign_in(member)
    for _ in range(2):
        answer = await ask(identity, CORE, signed_in["refresh_token"])
        week = 7 * 24 * 3600
        issued = claims_in(signed_in["access_token"])["iat"]
        assert week - 5 <= answer.pop("exp") - issued <= week + 5
        assert answer == {
            "active": True,
            "iss": identity.settings.issuer,
            "sub": str(member.id),
            "client_id": "phase-zero-web",
        }
    successor = (await identity.refresh(signed_in["refresh_token"])).json()
    assert await ask(identity, CORE, signed_in["refresh_token"]) == INACTIVE
    # To look at a spent one is not to use it again: the session lives.
    assert (await ask(identity, CORE, successor["refresh_token"]))["active"]
    assert (await identity.refresh(successor["refresh_token"])).status_code == 200


ENDS = {
    "signed out": None,
    "shut out": "UPDATE people SET active = false WHERE id = $1",
    "session ran out": ("UPDATE sign_in_sessions SET expires_at = now() WHERE person_id = $1"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_what_has_ended_is_inactive(identity: Identity, member: Person, end: str) -> None:
    signed_in = await identity.sign_in(member)
    texts = (signed_in["access_token"], signed_in["refresh_token"])
    assert [(await ask(identity, CORE, text))["active"] for text in texts] == [True, True]
    statement = ENDS[end]
    if statement is None:
        await identity.client.post("/logout", headers=bearer(signed_in["access_token"]))
    else:
        await identity.admin.execute(statement, member.id)
    for text in texts:
        assert await ask(identity, CORE, text) == INACTIVE


@pytest.mark.parametrize(
    "change", ["SET active = false", "SET role = 'viewer'"], ids=["left", "changed"]
)
async def test_a_token_ends_with_the_membership_that_it_names(
    identity: Identity, account: Account, member: Person, change: str
) -> None:
    token = (await identity.sign_in(member))["access_token"]
    await identity.admin.execute(
        f"UPDATE memberships {change} WHERE person_id = $1",
        member.id,
    )
    assert await ask(identity, basic(account.id, account.secret), token) == INACTIVE
    assert await ask(identity, CORE, token) == INACTIVE


async def purge(identity: Identity, organization: Organization) -> None:
    await identity.admin.execute(
        "UPDATE tenants SET status = 'purged' WHERE id = $1", organization.id
    )


@pytest.mark.parametrize("end", ["revoked", "purged", "secret got out"])
async def test_a_service_accounts_tokens_end_with_it(
    identity: Identity, account: Account, end: str
) -> None:
    token = await account.token()
    assert (await ask(identity, CORE, token))["active"]
    if end == "revoked":
        await account.revoke()
    elif end == "purged":
        await purge(identity, account.owner.organization)
    else:
        path = f"{account.path}/secrets/{account.secret_id}"
        await account.owner.call("DELETE", path, params={"revoke_tokens": "true"})
    assert await ask(identity, CORE, token) == INACTIVE


async def test_an_expired_token_is_inactive_at_once(identity: Identity, account: Account) -> None:
    """Without the leeway that verifiers have whose clocks differ."""
    process = identity.app.state.process
    claims = claims_in(await account.token())
    expired = process.sign(claims | {"iat": claims["iat"] - 905, "exp": claims["iat"] - 5})
    assert await ask(identity, CORE, expired) == INACTIVE


async def test_the_state_of_an_organization_ends_no_token(
    identity: Identity, account: Account, member: Person
) -> None:
    tokens = [(await identity.sign_in(member))["access_token"], await account.token()]
    await identity.admin.execute(
        "UPDATE tenants SET status = 'suspended' WHERE id = $1", account.owner.organization.id
    )
    assert all([(await ask(identity, CORE, token))["active"] for token in tokens])


async def test_support_sessions_end_in_the_core_which_is_not_asked(
    identity: Identity, support: Support
) -> None:
    token = (await support.ask()).json()["access_token"]
    assert await ask(identity, CORE, token) == INACTIVE


async def test_only_who_has_a_secret_may_ask(identity: Identity, account: Account) -> None:
    """Section 2.3: always 401, which always names a way to authenticate."""
    token = await account.token()
    cases: tuple[tuple[dict[str, str], dict[str, str] | None], ...] = (
        ({}, None),
        ({"client_id": "phase-zero-web"}, None),
        ({"client_id": account.id}, None),
        ({"client_id": account.id, "client_secret": "wrong"}, None),
        ({}, basic(account.id, "wrong")),
        ({}, basic("nobody", "x")),
        ({}, bearer(token)),
    )
    for form, headers in cases:
        response = await post(identity, {"token": token, **form}, headers)
        refused(response, "invalid_client", "invalid_client", status=401)
        assert response.headers["www-authenticate"].startswith("Basic ")


async def post(
    identity: Identity, form: dict[str, str], headers: dict[str, str] | None
) -> httpx.Response:
    return await identity.client.post("/introspect", data=form, headers=headers)


async def test_the_form_is_read_as_at_the_token_endpoint(
    identity: Identity, account: Account
) -> None:
    client, headers = identity.client, basic(account.id, account.secret)
    refused(await post(identity, {"token": ""}, headers), "invalid_request", "missing_parameter")
    both = {"token": "x", "client_secret": account.secret}
    refused(await post(identity, both, headers), "invalid_request", "repeated_parameter")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await client.post("/introspect", content="token=a&token=b", headers=form | headers)
    refused(response, "invalid_request", "repeated_parameter")
    response = await client.post("/introspect", json={"token": "a"}, headers=headers)
    refused(response, "invalid_request", "invalid_content_type")
    assert (await client.get("/introspect", params={"token": "a"})).status_code == 405
