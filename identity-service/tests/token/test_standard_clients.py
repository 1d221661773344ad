"""Libraries that everybody uses, unchanged, against a server that listens."""

import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from fastapi import FastAPI
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from app.core.settings import IdentitySettings
from app.main import create_app
from tests.conftest import Identity
from tests.service_accounts.accounts import Account, Owner

with warnings.catch_warnings():
    # That its client is to move to another HTTP library.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client, OAuthError

AUDIENCE = "product-core-api"


@contextmanager
def listening(app: FastAPI, own: socket.socket) -> Iterator[None]:
    """`app`, served by uvicorn in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [own]})
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def issuer(settings: IdentitySettings) -> Iterator[str]:
    """The URL of a server with the database of the run."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{own.getsockname()[1]}"
        with listening(create_app(settings.model_copy(update={"issuer": url})), own):
            yield url


@pytest.fixture(scope="module")
def metadata(issuer: str) -> dict[str, Any]:
    """As Authlib validates it: RFC 8414 sections 2 and 3.3."""
    url = f"{issuer}/.well-known/oauth-authorization-server"
    found = AuthorizationServerMetadata(httpx.get(url).json())
    found.validate_issuer()
    found.validate_token_endpoint()
    found.validate_jwks_uri()
    found.validate_grant_types_supported()
    found.validate_token_endpoint_auth_methods_supported()
    found.validate_revocation_endpoint()
    found.validate_revocation_endpoint_auth_methods_supported()
    found.validate_introspection_endpoint()
    found.validate_introspection_endpoint_auth_methods_supported()
    assert found["issuer"] == issuer
    return dict(found)


@pytest.fixture
async def account(identity: Identity) -> Account:
    return await (await Owner.make(identity)).create("admin")


def client_of(account: Account, metadata: dict[str, Any], method: str) -> OAuth2Client:
    return OAuth2Client(
        account.id,
        account.secret,
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method=method,
    )


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_as_a_program(account: Account, metadata: dict[str, Any], method: str) -> None:
    with client_of(account, metadata, method) as client:
        token = client.fetch_token(grant_type="client_credentials")
        assert token.keys() == {"access_token", "token_type", "expires_in", "expires_at"}
        endpoint = metadata["introspection_endpoint"]
        told = client.introspect_token(endpoint, token["access_token"]).json()
        assert (told["active"], told["sub"], told["role"]) == (True, account.id, "admin")
        revoked = client.revoke_token(
            metadata["revocation_endpoint"],
            token["access_token"],
            token_type_hint="access_token",
        )
        assert revoked.status_code == 200
        told = client.introspect_token(endpoint, token["access_token"]).json()
        assert told == {"active": False}


def test_authlib_understands_a_refusal(account: Account, metadata: dict[str, Any]) -> None:
    stranger = replace(account, secret="pzs_wrong")
    for method in ("client_secret_basic", "client_secret_post"):
        with (
            client_of(stranger, metadata, method) as client,
            pytest.raises(OAuthError, match="invalid_client"),
        ):
            client.fetch_token(grant_type="client_credentials")


async def test_authlib_as_the_first_party_client(
    identity: Identity, metadata: dict[str, Any]
) -> None:
    person, organization = await identity.make_member("viewer")
    client = AsyncOAuth2Client(
        "phase-zero-web",
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method="none",
    )
    async with client:
        first = await client.fetch_token(
            grant_type="password", username=person.email, password=person.password
        )
        second = await client.refresh_token(metadata["token_endpoint"])
        assert second["refresh_token"] != first["refresh_token"]
        claims = jwt.decode(second["access_token"], options={"verify_signature": False})
        assert claims["tenant_id"] == str(organization.id)
        revoked = await client.revoke_token(
            metadata["revocation_endpoint"],
            second["refresh_token"],
            token_type_hint="refresh_token",
        )
        assert revoked.status_code == 200
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.refresh_token(metadata["token_endpoint"])


@pytest.fixture
def token(account: Account, metadata: dict[str, Any]) -> str:
    with client_of(account, metadata, "client_secret_basic") as client:
        text: str = client.fetch_token(grant_type="client_credentials")["access_token"]
        return text


def test_pyjwt_verifies_with_the_published_keys(
    account: Account, metadata: dict[str, Any], token: str
) -> None:
    keys = jwt.PyJWKClient(metadata["jwks_uri"])
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        audience=AUDIENCE,
        issuer=metadata["issuer"],
        options={"require": ["exp", "iat", "sub", "aud", "iss", "jti"]},
    )
    assert claims["sub"] == account.id
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token).key,
            algorithms=["RS256"],
            audience="product-core-api/internal",
        )


def test_joserfc_verifies_with_the_published_keys(
    account: Account, metadata: dict[str, Any], token: str
) -> None:
    keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())
    decoded = joserfc_jwt.decode(token, keys, algorithms=["RS256"])
    assert decoded.header["typ"] == "at+jwt"
    rules = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]},
        aud={"essential": True, "value": AUDIENCE},
        sub={"essential": True, "value": account.id},
        exp={"essential": True},
        iat={"essential": True},
    )
    rules.validate(decoded.claims)
