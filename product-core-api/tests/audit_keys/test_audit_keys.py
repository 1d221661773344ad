"""The core publishes audit keys to everybody, and has no private one."""

import pytest
from joserfc.jwk import KeySet

from app.core.settings import CoreSettings
from app.main import create_app
from app.modules.audit_keys import service
from shared_lib.audit import AuditKey
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
from tests.conftest import make_settings, open_client

KEYS = (AuditKey.generate(), AuditKey.generate())


@pytest.fixture
def configured(cluster: Cluster, database_name: str, issuer: TokenIssuer) -> CoreSettings:
    public = ",".join(key.public for key in KEYS)
    return make_settings(cluster, database_name, issuer.issuer, audit_public_keys=public)


async def test_anybody_may_read_every_key(configured: CoreSettings) -> None:
    app = create_app(configured)
    async with app.router.lifespan_context(app), open_client(app) as client:
        response = await client.get("/.well-known/audit-keys.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/jwk-set+json"
    assert response.headers["cache-control"] == "public, max-age=300"
    keys = KeySet.import_key_set(response.json())
    assert [key.kid for key in keys.keys] == [key.kid for key in KEYS]
    assert [key.thumbprint() for key in keys.keys] == [key.kid for key in KEYS]


def test_nothing_private_is_published(configured: CoreSettings) -> None:
    for jwk in service.published(configured)["keys"]:
        assert set(jwk) == {"kty", "crv", "x", "use", "alg", "kid"}


def test_what_is_no_key_keeps_the_core_from_starting(cluster: Cluster, issuer: TokenIssuer) -> None:
    with pytest.raises(ValueError, match="must be Ed25519 public keys"):
        make_settings(cluster, "nowhere", issuer.issuer, audit_public_keys="short")
