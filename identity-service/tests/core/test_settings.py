"""What may be set, and what nobody may set outside development."""

from typing import Any

import pytest

from shared_lib.settings import SettingsError
from shared_lib.testing.mail import REAL_MAIL
from shared_lib.testing.postgres import Cluster
from tests.conftest import make_settings

GOOD = {
    "environment": "production",
    "argon2_memory_kib": 19456,
    "argon2_iterations": 2,
    "core_client_secret": "x" * 43,
    **REAL_MAIL,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("argon2_memory_kib", 19455),
        ("argon2_iterations", 1),
        ("access_token_lifetime", 901),
        ("refresh_idle", 7 * 86400 + 1),
        ("refresh_absolute", 30 * 86400 + 1),
        ("refresh_grace", 11),
        ("jwks_max_age", 299),
        ("key_margin", 59),
        ("longest_token", 3599),
        ("key_rotation_days", 90.1),
        ("core_client_secret", "short"),
        ("issuer", "http://identity.example.com"),
        ("smtp_tls", "none"),
        ("web_url", "http://app.example.com"),
    ],
)
def test_production_refuses_what_development_may(cluster: Cluster, name: str, value: Any) -> None:
    make_settings(cluster, "identity", "http://core", **GOOD)
    development = {**GOOD, "environment": "development", name: value}
    make_settings(cluster, "identity", "http://core", **development)
    with pytest.raises(SettingsError, match=f"IDENTITY_{name.upper()}") as refusal:
        make_settings(cluster, "identity", "http://core", **{**GOOD, name: value})
    if isinstance(value, str):
        assert value not in str(refusal.value)


def test_an_encryption_key_that_is_none_is_refused(cluster: Cluster) -> None:
    with pytest.raises(SettingsError, match="ENCRYPTION_KEY") as refusal:
        make_settings(cluster, "identity", "http://core", encryption_key="not-a-fernet-key")
    assert "not-a-fernet-key" not in str(refusal.value)


def test_a_misspelt_variable_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_PASSWORD_SIGNIN", "false")
    with pytest.raises(SettingsError, match="IDENTITY_PASSWORD_SIGNIN"):
        make_settings(cluster, "identity", "http://core")
