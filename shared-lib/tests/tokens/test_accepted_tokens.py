"""What a good token of each kind becomes, and the edges up to which it is good."""

from dataclasses import replace
from uuid import uuid4

import pytest

from shared_lib.testing.forgery import claims_of
from shared_lib.testing.tokens import ManualClock, TokenIssuer
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    ORGANIZATION_ROLES,
    PLATFORM_ROLES,
    Actor,
    Claims,
    Support,
    TokenRefused,
    TokenVerifier,
    sign,
)

RFC_9068 = {"iss", "aud", "sub", "exp", "iat", "jti", "client_id"}
SESSION = {"sid", "auth_time", "amr"}
ORGANIZATION = {"tenant_id", "role"}


@pytest.mark.parametrize("role", sorted(ORGANIZATION_ROLES))
async def test_person_in_an_organization(
    role: str, issuer: TokenIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    sub, sid, tenant_id = uuid4(), uuid4(), uuid4()
    signed = issuer.person(sub=sub, sid=sid, tenant_id=tenant_id, role=role)
    token = await verifier.verify(signed)
    assert claims_of(signed).keys() == RFC_9068 | SESSION | ORGANIZATION
    assert (token.sub, token.sid, token.tenant_id, token.role) == (sub, sid, tenant_id, role)
    assert token.audience == (CORE_AUDIENCE, IDENTITY_AUDIENCE)
    assert (token.iat, token.exp) == (clock.now, clock.now + 900)
    assert token.auth_time == clock.now
    assert token.amr == ("pwd",)
    assert token.client_id == "phase-zero-web"
    assert token.kid == issuer.signing_key.kid
    assert token.jti == claims_of(signed)["jti"]
    assert (token.act, token.support) == (None, None)
    assert token.actor_id == sub
    assert not token.is_service


async def test_person_without_an_organization(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    signed = issuer.person()
    token = await verifier.verify(signed)
    assert claims_of(signed).keys() == RFC_9068 | SESSION
    assert (token.tenant_id, token.role) == (None, None)


@pytest.mark.parametrize("role", sorted(PLATFORM_ROLES))
async def test_staff_of_the_platform(
    role: str, issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    signed = issuer.platform(role=role)
    token = await verifier.verify(signed)
    assert claims_of(signed).keys() == RFC_9068 | SESSION | {"role"}
    assert (token.tenant_id, token.role) == (None, role)


async def test_service_account(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    tenant_id = uuid4()
    signed = issuer.service(tenant_id=tenant_id, role="viewer")
    token = await verifier.verify(signed)
    assert claims_of(signed).keys() == RFC_9068 | ORGANIZATION
    assert (token.sid, token.auth_time, token.amr) == (None, None, ())
    assert (token.tenant_id, token.role) == (tenant_id, "viewer")
    assert not token.is_service


async def test_what_ends_with_a_session(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    """A service account signs in to none: each of its tokens is one by itself."""
    sid = uuid4()
    assert (await verifier.verify(issuer.person(sid=sid))).session_id == sid
    signed = issuer.service(tenant_id=uuid4())
    token = await verifier.verify(signed)
    assert str(token.session_id) == claims_of(signed)["jti"]
    assert replace(token, jti="not-a-uuid").session_id is None


async def test_support_session_of_a_member(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    member, agent, support_id = uuid4(), uuid4(), uuid4()
    signed = issuer.support(
        tenant_id=uuid4(), sub=member, role="owner", agent=agent, support_id=support_id
    )
    token = await verifier.verify(signed)
    assert claims_of(signed).keys() == RFC_9068 | SESSION | ORGANIZATION | {"act", "support"}
    assert list(claims_of(signed))[-1] == "act"
    assert token.audience == (CORE_AUDIENCE,)
    assert token.sub == member
    assert token.act == Actor(sub=agent, role="support_agent")
    assert token.support == Support(id=support_id, mode="read_only")
    assert token.actor_id == agent


async def test_support_session_of_nobody(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    agent = uuid4()
    token = await verifier.verify(issuer.support(tenant_id=uuid4(), agent=agent, mode="read_write"))
    assert (token.sub, token.actor_id, token.role) == (agent, agent, "support")
    assert token.support is not None
    assert token.support.mode == "read_write"


async def test_service_to_service(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    signed = issuer.service_to_service()
    token = await verifier.verify(signed, internal=True)
    assert claims_of(signed).keys() == RFC_9068
    assert token.audience == (f"{CORE_AUDIENCE}/internal",)
    assert (token.tenant_id, token.role, token.sid) == (None, None, None)
    assert token.is_service


@pytest.mark.parametrize(
    "changed",
    [
        {"role": "root"},
        {"exp": 0},
        {"sub": "me"},
        {"act": {"sub": str(uuid4()), "role": "support_agent"}},
        {"aud": []},
    ],
)
def test_nothing_is_signed_that_nobody_would_accept(changed: Claims, issuer: TokenIssuer) -> None:
    claims = claims_of(issuer.person(tenant_id=uuid4()))
    assert sign(claims, issuer.signing_key)
    with pytest.raises(TokenRefused):
        sign(claims | changed, issuer.signing_key)


def test_every_token_has_an_id_of_its_own(issuer: TokenIssuer) -> None:
    assert len({claims_of(issuer.person())["jti"] for _ in range(10)}) == 10
