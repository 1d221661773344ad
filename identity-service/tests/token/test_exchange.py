"""The token exchange for support sessions: the one good way, and every bad one."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx
import jwt
import pytest

from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import CORE_SECRET, Identity, Organization, Person, bearer

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
PERSON_ID = "urn:phase-zero:token-type:person-id"
NOBODY = "01900000-0000-7000-8000-000000000000"


def basic(client_id: str = "product-core-api", secret: str = CORE_SECRET) -> dict[str, str]:
    """RFC 6749 2.3.1: both halves form-encoded before they are joined."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


@dataclass(frozen=True)
class Support:
    """An agent, and a member whom he is to help."""

    identity: Identity
    agent: Person
    agent_token: str
    member: Person
    organization: Organization

    def form(self, **changes: str | None) -> dict[str, str]:
        form: dict[str, str | None] = {
            "grant_type": EXCHANGE,
            "subject_token": str(self.member.id),
            "subject_token_type": PERSON_ID,
            "actor_token": self.agent_token,
            "actor_token_type": ACCESS_TOKEN,
            "audience": "product-core-api",
            "tenant_id": str(self.organization.id),
            "support_id": str(uuid7()),
            "support_mode": "read_only",
            "lifetime": "1800",
        }
        return {name: value for name, value in {**form, **changes}.items() if value is not None}

    async def ask(self, **changes: str | None) -> httpx.Response:
        """As the core does."""
        return await self.ask_with(basic(), **changes)

    async def ask_with(self, headers: dict[str, str], /, **changes: str | None) -> httpx.Response:
        return await self.identity.client.post("/token", data=self.form(**changes), headers=headers)


@pytest.fixture
async def support(identity: Identity) -> Support:
    agent = await identity.make_person(platform_role="support_agent")
    member, organization = await identity.make_member("viewer")
    token = (await identity.sign_in(agent))["access_token"]
    return Support(identity, agent, token, member, organization)


def claims_in(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def refused(response: httpx.Response, error: str, detail: str, status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert (response.json()["error"], response.json()["detail"]) == (error, detail)
    assert response.headers["cache-control"] == "no-store"


async def test_a_member_is_borrowed(support: Support) -> None:
    support_id = str(uuid7())
    response = await support.ask(support_id=support_id, support_mode="read_write", lifetime="900")
    assert response.status_code == 200, response.text
    answer = response.json()
    token = answer.pop("access_token")
    assert answer == {
        "expires_in": 900,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
    }
    claims, agent = claims_in(token), claims_in(support.agent_token)
    assert claims.pop("exp") - claims.pop("iat") == 900
    assert claims.pop("jti") != agent["jti"]
    assert claims == {
        "iss": support.identity.settings.issuer,
        "aud": ["product-core-api"],
        "sub": str(support.member.id),
        "client_id": "product-core-api",
        "sid": agent["sid"],
        "auth_time": agent["auth_time"],
        "amr": agent["amr"],
        "tenant_id": str(support.organization.id),
        "role": "viewer",
        "act": {"sub": str(support.agent.id), "role": "support_agent"},
        "support": {"id": support_id, "mode": "read_write"},
    }


async def test_without_a_member_the_agent_is_the_subject(support: Support) -> None:
    response = await support.ask(subject_token=str(support.agent.id), tenant_id=str(uuid7()))
    claims = claims_in(response.json()["access_token"])
    assert (claims["sub"], claims["role"]) == (str(support.agent.id), "support")
    assert claims["act"] == {"sub": str(support.agent.id), "role": "support_agent"}


async def test_the_token_opens_nothing_here(support: Support) -> None:
    token = (await support.ask()).json()["access_token"]
    for method, path in (("GET", "/me"), ("POST", "/logout")):
        response = await support.identity.client.request(method, path, headers=bearer(token))
        assert (response.status_code, response.json()["detail"]) == (401, "invalid_token")
    # No chaining: it is no actor token either.
    refused(await support.ask(actor_token=token), "invalid_request", "invalid_actor_token")


async def test_the_secret_may_come_in_the_body(support: Support) -> None:
    response = await support.ask_with({}, client_id="product-core-api", client_secret=CORE_SECRET)
    assert response.status_code == 200
    refused(
        await support.ask_with({}, client_id="product-core-api", client_secret="wrong"),
        "invalid_client",
        "invalid_client",
    )


@pytest.mark.parametrize(
    "authorization",
    [
        basic(secret="wrong"),
        basic(client_id="unknown"),
        basic(secret=""),
        # Not form-encoded: the plus and the percent sign of the secret mean something else.
        {
            "Authorization": "Basic "
            + b64encode(f"product-core-api:{CORE_SECRET}".encode()).decode()
        },
        {"Authorization": "Basic not-base64!"},
        {"Authorization": "Basic " + b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()},
    ],
)
async def test_basic_that_is_not_the_cores_is_401(
    support: Support, authorization: dict[str, str]
) -> None:
    response = await support.ask_with(authorization)
    refused(response, "invalid_client", "invalid_client", status=401)
    assert response.headers["www-authenticate"].startswith("Basic ")


async def test_no_client_authentication_is_refused(support: Support) -> None:
    refused(await support.ask_with({}), "invalid_client", "invalid_client")
    refused(
        await support.ask_with({}, client_id="product-core-api"), "invalid_client", "invalid_client"
    )


async def test_the_client_authenticates_itself_in_one_way_only(support: Support) -> None:
    for name, value in (("client_secret", CORE_SECRET), ("client_id", "another")):
        refused(await support.ask(**{name: value}), "invalid_request", "repeated_parameter")
    assert (await support.ask(client_id="product-core-api")).status_code == 200


async def test_another_service_account_may_not(support: Support) -> None:
    await support.identity.admin.execute(
        "INSERT INTO trusted_clients (id, client_id, secret_hash, created_at, updated_at)"
        " VALUES ($1, $2, sha256('secret'), now(), now())",
        uuid7(),
        "integration",
    )
    refused(
        await support.ask_with(basic("integration", "secret")),
        "unauthorized_client",
        "client_not_allowed",
    )
    await support.identity.admin.execute(
        "UPDATE trusted_clients SET active = false WHERE client_id = 'integration'"
    )
    refused(
        await support.ask_with(basic("integration", "secret")),
        "invalid_client",
        "invalid_client",
        status=401,
    )


@pytest.mark.parametrize(
    ("parameter", "value", "error", "detail"),
    [
        ("subject_token", None, "invalid_request", "missing_parameter"),
        ("subject_token", "not-an-id", "invalid_request", "invalid_parameter"),
        ("subject_token", NOBODY, "invalid_request", "invalid_subject_token"),
        ("subject_token_type", None, "invalid_request", "missing_parameter"),
        ("subject_token_type", ACCESS_TOKEN, "invalid_request", "unsupported_token_type"),
        ("actor_token", None, "invalid_request", "missing_parameter"),
        ("actor_token", "not.a.token", "invalid_request", "invalid_actor_token"),
        ("actor_token_type", None, "invalid_request", "missing_parameter"),
        ("actor_token_type", PERSON_ID, "invalid_request", "unsupported_token_type"),
        ("requested_token_type", "urn:x", "invalid_request", "unsupported_token_type"),
        ("audience", None, "invalid_request", "missing_parameter"),
        ("audience", "identity-service", "invalid_target", "audience_not_allowed"),
        ("resource", "https://example.com", "invalid_target", "audience_not_allowed"),
        ("tenant_id", None, "invalid_request", "missing_parameter"),
        ("tenant_id", NOBODY, "invalid_request", "invalid_subject_token"),
        ("support_id", None, "invalid_request", "missing_parameter"),
        ("support_id", "7", "invalid_request", "invalid_parameter"),
        ("support_mode", None, "invalid_request", "missing_parameter"),
        ("support_mode", "everything", "invalid_request", "invalid_parameter"),
        ("lifetime", None, "invalid_request", "missing_parameter"),
        ("lifetime", "0", "invalid_request", "invalid_parameter"),
        ("lifetime", "3601", "invalid_request", "invalid_parameter"),
        ("lifetime", "-5", "invalid_request", "invalid_parameter"),
        ("lifetime", "1e3", "invalid_request", "invalid_parameter"),
    ],
)
async def test_what_is_missing_or_wrong_is_refused(
    support: Support, parameter: str, value: str | None, error: str, detail: str
) -> None:
    refused(await support.ask(**{parameter: value}), error, detail)


@pytest.mark.parametrize(
    "change", ["verified_at = NULL", "platform_role = 'support_agent'"], ids=["unverified", "staff"]
)
async def test_whoever_gets_no_token_of_his_own_there_cannot_be_borrowed(
    support: Support, change: str
) -> None:
    assert (await support.ask()).status_code == 200
    await support.identity.admin.execute(
        f"UPDATE people SET {change} WHERE id = $1",  # noqa: S608 - of this file
        support.member.id,
    )
    refused(await support.ask(), "invalid_request", "invalid_subject_token")


async def test_a_member_of_another_organization_or_an_inactive_one_is_no_subject(
    support: Support,
) -> None:
    stranger, _ = await support.identity.make_member()
    refused(
        await support.ask(subject_token=str(stranger.id)),
        "invalid_request",
        "invalid_subject_token",
    )
    admin = support.identity.admin
    await admin.execute("UPDATE people SET active = false WHERE id = $1", support.member.id)
    refused(await support.ask(), "invalid_request", "invalid_subject_token")
    await admin.execute("UPDATE people SET active = true WHERE id = $1", support.member.id)
    await admin.execute(
        "UPDATE memberships SET active = false WHERE person_id = $1", support.member.id
    )
    refused(await support.ask(), "invalid_request", "invalid_subject_token")


async def test_who_is_no_agent_is_no_actor(support: Support) -> None:
    owner, _ = await support.identity.make_member("owner")
    token = (await support.identity.sign_in(owner))["access_token"]
    refused(await support.ask(actor_token=token), "invalid_request", "invalid_actor_token")
    # Nor is he with this token once he is staff: it was given to a member.
    await support.identity.admin.execute(
        "UPDATE people SET platform_role = 'platform_admin' WHERE id = $1", owner.id
    )
    refused(await support.ask(actor_token=token), "invalid_request", "invalid_actor_token")
    forged = TokenIssuer(support.identity.settings.issuer).platform(sub=support.agent.id)
    refused(await support.ask(actor_token=forged), "invalid_request", "invalid_actor_token")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE people SET platform_role = NULL WHERE id = $1",
        "UPDATE people SET active = false WHERE id = $1",
        (
            "UPDATE sign_in_sessions SET ended_at = now(), ended_reason = 'signed_out'"
            " WHERE person_id = $1"
        ),
        "UPDATE sign_in_sessions SET expires_at = now() WHERE person_id = $1",
    ],
)
async def test_an_agent_who_is_none_any_longer_is_refused_now(
    support: Support, statement: str
) -> None:
    assert (await support.ask()).status_code == 200
    await support.identity.admin.execute(statement, support.agent.id)
    refused(await support.ask(), "invalid_request", "invalid_actor_token")
