"""The claims of each kind of token, verified by our own verifier and by PyJWT."""

from typing import Any
from uuid import UUID

import jwt
import pytest

from shared_lib.errors import InvalidToken
from shared_lib.jwks import read_jwks
from shared_lib.testing.tokens import StaticKeys
from shared_lib.tokens import TokenVerifier, json_object
from tests.conftest import Identity

REGISTERED = {"iss", "aud", "sub", "exp", "iat", "jti", "client_id"}
SESSION = {"sid", "auth_time", "amr"}


async def key_set(identity: Identity) -> bytes:
    return (await identity.client.get("/.well-known/jwks.json")).content


async def verified_by_pyjwt(identity: Identity, token: str, audience: str) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_json((await key_set(identity)).decode())
    header = jwt.get_unverified_header(token)
    assert header == {"typ": "at+jwt", "alg": "RS256", "kid": header["kid"]}
    claims: dict[str, Any] = jwt.decode(
        token,
        keys[header["kid"]],
        algorithms=["RS256"],
        audience=audience,
        issuer=identity.settings.issuer,
        options={"require": sorted(REGISTERED)},
    )
    return claims


async def verifier(identity: Identity, audience: str) -> TokenVerifier:
    keys = read_jwks(json_object(await key_set(identity)))
    return TokenVerifier(
        issuer=identity.settings.issuer, keys=StaticKeys(*keys.values()), audience=audience
    )


@pytest.mark.parametrize("audience", ["product-core-api", "identity-service"])
async def test_a_member(identity: Identity, audience: str) -> None:
    person, organization = await identity.make_member("admin")
    token = (await identity.sign_in(person))["access_token"]
    claims = await verified_by_pyjwt(identity, token, audience)
    assert claims.keys() == REGISTERED | SESSION | {"tenant_id", "role"}
    assert claims["aud"] == ["product-core-api", "identity-service"]
    assert claims["exp"] - claims["iat"] == 900
    assert claims["client_id"] == "phase-zero-web"
    assert claims["amr"] == ["pwd"]
    data = await (await verifier(identity, audience)).verify(token)
    assert (data.sub, data.tenant_id, data.role) == (person.id, organization.id, "admin")
    assert (data.act, data.support, data.actor_id) == (None, None, person.id)


async def test_a_person_without_an_organization(identity: Identity) -> None:
    person = await identity.make_person()
    token = (await identity.sign_in(person))["access_token"]
    claims = await verified_by_pyjwt(identity, token, "product-core-api")
    assert claims.keys() == REGISTERED | SESSION


async def test_staff(identity: Identity) -> None:
    person = await identity.make_person(platform_role="platform_admin")
    token = (await identity.sign_in(person))["access_token"]
    claims = await verified_by_pyjwt(identity, token, "product-core-api")
    assert claims.keys() == REGISTERED | SESSION | {"role"}
    data = await (await verifier(identity, "product-core-api")).verify(token)
    assert (data.tenant_id, data.role) == (None, "platform_admin")


async def test_staff_enter_no_organization_even_as_members(identity: Identity) -> None:
    person, organization = await identity.make_member("owner", platform_role="support_agent")
    claims = jwt.decode(
        (await identity.sign_in(person))["access_token"], options={"verify_signature": False}
    )
    assert (claims.get("tenant_id"), claims["role"]) == (None, "support_agent")
    response = await identity.token(
        username=person.email, password=person.password, tenant_id=str(organization.id)
    )
    assert (response.status_code, response.json()["detail"]) == (400, "tenant_not_found")


async def test_no_token_says_who_a_person_is(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert person.email.lower() not in str(claims).lower()
    assert "Test Person" not in str(claims)
    for name in ("sub", "sid", "tenant_id"):
        assert str(UUID(claims[name])) == claims[name]


async def test_it_is_for_nobody_else(identity: Identity) -> None:
    person, _ = await identity.make_member()
    token = (await identity.sign_in(person))["access_token"]
    strict = await verifier(identity, "product-core-api")
    with pytest.raises(InvalidToken):
        await strict.verify(token, internal=True)
    with pytest.raises(InvalidToken):
        await (await verifier(identity, "another-service")).verify(token)
