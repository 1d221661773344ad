"""What the authorization server says about itself is what it does (RFC 8414)."""

from urllib.parse import urlsplit

from tests.conftest import Identity


async def test_the_metadata(identity: Identity) -> None:
    response = await identity.client.get("/.well-known/oauth-authorization-server")
    issuer = identity.settings.issuer
    assert response.status_code == 200
    assert response.json() == {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
        ],
    }


async def test_what_it_names_is_there(identity: Identity) -> None:
    metadata = (await identity.client.get("/.well-known/oauth-authorization-server")).json()
    keys = await identity.client.get(urlsplit(metadata["jwks_uri"]).path)
    assert keys.status_code == 200
    for grant_type in metadata["grant_types_supported"]:
        response = await identity.client.post(
            urlsplit(metadata["token_endpoint"]).path, data={"grant_type": grant_type}
        )
        assert response.json()["error"] != "unsupported_grant_type"


async def test_health(identity: Identity) -> None:
    assert (await identity.client.get("/health/live")).json() == {"status": "ok"}
    ready = await identity.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": {"status": "ok"}, "keys": {"status": "ok"}}
