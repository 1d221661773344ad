"""What the authorization server says about itself is what it does (RFC 8414)."""

from urllib.parse import urlsplit

import pytest

from app.core.settings import IdentitySettings
from tests.conftest import CORE_SECRET, Identity, client_of, running
from tests.service_accounts.accounts import basic

WELL_KNOWN = "/.well-known/oauth-authorization-server"


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
        "revocation_endpoint": f"{issuer}/revoke",
        "revocation_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
        ],
        "introspection_endpoint": f"{issuer}/introspect",
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
        ],
    }


@pytest.mark.parametrize("path", ["/auth", "/auth/", "/a/b"])
async def test_an_issuer_with_a_path_is_described_below_the_well_known_part(
    settings: IdentitySettings, path: str
) -> None:
    """RFC 8414 section 3.1; `issuer` is byte for byte what clients compare (section 3.3)."""
    issuer = f"https://sso.example.com{path}"
    changed = settings.model_copy(update={"issuer": issuer})
    base = issuer.rstrip("/")
    async with running(changed) as app, client_of(app) as client:
        for url in (WELL_KNOWN + path.rstrip("/"), WELL_KNOWN):
            metadata = (await client.get(url)).json()
            assert metadata["issuer"] == issuer
            assert metadata["token_endpoint"] == f"{base}/token"
            assert metadata["introspection_endpoint"] == f"{base}/introspect"
        for wrong in (f"{WELL_KNOWN}/", f"{WELL_KNOWN}/other", f"{WELL_KNOWN}{path}x"):
            refused = await client.get(wrong)
            assert (refused.status_code, refused.json()["detail"]) == (404, "not_found")


async def test_an_issuer_without_a_path_has_one_document(identity: Identity) -> None:
    for path in ("/", "/auth", "//"):
        refused = await identity.client.get(WELL_KNOWN + path)
        assert (refused.status_code, refused.json()["detail"]) == (404, "not_found")


async def test_what_it_names_is_there(identity: Identity) -> None:
    metadata = (await identity.client.get("/.well-known/oauth-authorization-server")).json()
    keys = await identity.client.get(urlsplit(metadata["jwks_uri"]).path)
    assert keys.status_code == 200
    for grant_type in metadata["grant_types_supported"]:
        response = await identity.client.post(
            urlsplit(metadata["token_endpoint"]).path, data={"grant_type": grant_type}
        )
        assert response.json()["error"] != "unsupported_grant_type"
    form = {"client_id": "product-core-api", "client_secret": CORE_SECRET, "token": "x"}
    headers = basic(form["client_id"], CORE_SECRET)
    for endpoint in ("revocation_endpoint", "introspection_endpoint"):
        path = urlsplit(metadata[endpoint]).path
        posted = await identity.client.post(path, data=form)
        sent = await identity.client.post(path, data={"token": "x"}, headers=headers)
        assert (posted.status_code, sent.status_code) == (200, 200)
    unauthenticated = await identity.client.post("/revoke", data={"token": "x"})
    assert unauthenticated.status_code == 200


async def test_health(identity: Identity) -> None:
    assert (await identity.client.get("/health/live")).json() == {"status": "ok"}
    ready = await identity.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": {"status": "ok"}, "keys": {"status": "ok"}}
