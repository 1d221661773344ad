"""What the core is not to be set by: each value that production refuses, and keys that are none."""

from typing import Any

import pytest

from app.core.settings import CoreSettings
from shared_lib.audit import AuditKey
from shared_lib.settings import SettingsError
from shared_lib.testing.mail import REAL_MAIL

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "issuer": "https://identity.example.com",
    "jwks_url": "https://identity.example.com/.well-known/jwks.json",
    "identity_url": "https://identity.example.com",
    "client_secret": "x" * 32,
    "app_database_url": "postgresql://app@db/product",
    "platform_database_url": "postgresql://platform@db/product",
    "worker_database_url": "postgresql://worker@db/product",
    **REAL_MAIL,
}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("issuer", "http://identity.example.com", "ISSUER must be https"),
        ("smtp_host", "", "SMTP_HOST must be set"),
        ("require_auth", False, "CORE_REQUIRE_AUTH.* must be true"),
        ("client_secret", "x" * 31, "CORE_CLIENT_SECRET.* must have at least 32 characters"),
    ],
)
def test_production_refuses(name: str, value: object, fault: str) -> None:
    CoreSettings(**PRODUCTION)
    with pytest.raises(SettingsError, match=fault):
        CoreSettings(**PRODUCTION | {name: value})
    CoreSettings(**PRODUCTION | {name: value, "environment": "development"})


def test_audit_keys_are_keys() -> None:
    key = AuditKey.generate().public
    assert CoreSettings(**PRODUCTION, audit_public_keys=(key,)).audit_public_keys == (key,)
    for wrong in (key[:-4], "no key"):
        with pytest.raises(SettingsError, match="must be Ed25519 public keys"):
            CoreSettings(**PRODUCTION, audit_public_keys=(key, wrong))
