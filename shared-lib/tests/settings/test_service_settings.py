"""Where settings come from, what is refused, and what refusals never say."""

import re
from ipaddress import ip_network
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr, ValidationError
from typing_extensions import override

from shared_lib.settings import ServiceSettings, Setting, SettingsError, list_settings

ISSUER = "https://identity.example.com"
SECRET = "hunter2-correct-horse"


class SampleSettings(ServiceSettings):
    service_prefix: ClassVar[str] = "SAMPLE_"

    api_secret: SecretStr = SecretStr("")
    """The secret that is shared with the other side."""

    retries: int = 3
    """How often to try."""

    @override
    def insecure(self) -> list[str]:
        faults = super().insecure()
        if self.api_secret.get_secret_value() == "changeme":
            faults.append("api_secret is the example's")
        return faults


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for settings in list_settings(SampleSettings):
        monkeypatch.delenv(settings.variable, raising=False)
        monkeypatch.delenv(settings.plain_variable, raising=False)
    return monkeypatch


def refusal(**values: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        SampleSettings(**values)
    error = refused.value
    # pydantic's own error has the values, and would be printed with ours
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    assert SECRET not in str(error)
    return str(error)


def test_defaults_are_those_of_production() -> None:
    settings = SampleSettings(issuer=ISSUER)
    assert settings.environment == "production"
    assert settings.allowed_origins == ()
    assert settings.trusted_proxies == ()
    assert settings.body_limit_bytes == 1_048_576
    assert settings.require_patched_postgres is False


def test_the_prefixed_variable_wins_over_the_plain_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ISSUER", "https://plain.example.com")
    assert SampleSettings.from_environment().issuer == "https://plain.example.com"
    environment.setenv("SAMPLE_ISSUER", ISSUER)
    assert SampleSettings.from_environment().issuer == ISSUER


def test_the_constructor_wins_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SAMPLE_ISSUER", "https://other.example.com")
    environment.setenv("SAMPLE_RETRIES", "not a number")
    settings = SampleSettings(issuer=ISSUER, retries=5)
    assert (settings.issuer, settings.retries) == (ISSUER, 5)


def test_an_empty_variable_is_none(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SAMPLE_ISSUER", "")
    environment.setenv("ISSUER", ISSUER)
    environment.setenv("SAMPLE_RETRIES", "")
    settings = SampleSettings.from_environment()
    assert (settings.issuer, settings.retries) == (ISSUER, 3)


def test_every_kind_of_value_is_read_from_text(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENVIRONMENT": "staging",
        "ISSUER": ISSUER,
        "ALLOWED_ORIGINS": "https://a.example.com, http://localhost:3000 ,",
        "TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8, 192.0.2.1",
        "LOG_LEVEL": "debug",
        "BODY_LIMIT_BYTES": "2048",
        "DATABASE_POOL_SIZE": "4",
        "DATABASE_POOL_TIMEOUT": "0.5",
        "REQUIRE_PATCHED_POSTGRES": "true",
        "API_SECRET": SECRET,
    }.items():
        environment.setenv(f"SAMPLE_{name}", value)
    settings = SampleSettings.from_environment()
    assert settings.environment == "staging"
    assert settings.allowed_origins == ("https://a.example.com", "http://localhost:3000")
    assert settings.trusted_proxies == (
        ip_network("10.0.0.0/8"),
        ip_network("fd00::/8"),
        ip_network("192.0.2.1/32"),
    )
    assert settings.log_level == "debug"
    assert settings.body_limit_bytes == 2048
    assert (settings.database_pool_size, settings.database_pool_timeout) == (4, 0.5)
    assert settings.require_patched_postgres is True
    assert settings.api_secret.get_secret_value() == SECRET
    assert SECRET not in repr(settings)


def test_a_misspelt_variable_is_refused_by_name(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SAMPLE_RETRYS", SECRET)
    environment.setenv("SAMPLE_ALOWED_ORIGINS", "x")
    assert refusal(issuer=ISSUER) == "no such setting: SAMPLE_ALOWED_ORIGINS, SAMPLE_RETRYS"


def test_variables_of_others_are_not_ours(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OTHER_RETRYS", "x")
    environment.setenv("SAMPLES", "x")
    assert SampleSettings(issuer=ISSUER).retries == 3


def test_an_unknown_name_is_refused() -> None:
    assert "retrys" in refusal(issuer=ISSUER, retrys=SECRET)


def test_a_missing_variable_is_named() -> None:
    assert refusal() == ("SampleSettings cannot be used:\nSAMPLE_ISSUER or ISSUER: Field required")


@pytest.mark.parametrize(
    "name",
    [
        "environment",
        "issuer",
        "allowed_origins",
        "trusted_proxies",
        "log_level",
        "body_limit_bytes",
        "database_pool_size",
        "database_pool_timeout",
        "require_patched_postgres",
        "retries",
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.setenv("SAMPLE_ISSUER", ISSUER)
    environment.setenv(f"SAMPLE_{name.upper()}", SECRET)
    message = refusal()
    assert f"SAMPLE_{name.upper()} or {name.upper()}: " in message


@pytest.mark.parametrize(
    "issuer", ["https://id.example.com", "https://id.example.com/", "https://ID.example.com:443/a"]
)
def test_the_issuer_stays_byte_for_byte(issuer: str) -> None:
    assert SampleSettings(issuer=issuer).issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.com?x=1",
        "https://id.example.com#x",
        " https://id.example.com",
        "ftp://x",
    ],
)
def test_what_is_no_issuer_is_refused(issuer: str) -> None:
    assert refusal(issuer=issuer).count("SAMPLE_ISSUER or ISSUER: must be") == 1


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://a.example.com/",
        "https://a.example.com/path",
        "https://a.example.com:443",
        "https://A.example.com",
        "https://user@a.example.com",
        "https://:password@a.example.com",
        "https://*.example.com",
        "https://a.example.com?x",
        "a.example.com",
        "null",
    ],
)
def test_an_origin_is_what_browsers_send(origin: str) -> None:
    message = refusal(issuer=ISSUER, allowed_origins=f"https://b.example.com,{origin}")
    assert "SAMPLE_ALLOWED_ORIGINS or ALLOWED_ORIGINS: must" in message


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "10.0.0.0/33", "proxy.example.com"])
def test_a_network_is_exact(networks: str) -> None:
    assert "must be networks such as" in refusal(issuer=ISSUER, trusted_proxies=networks)


def test_insecure_values_are_for_development_only() -> None:
    insecure: dict[str, Any] = {"issuer": "http://localhost:8001", "api_secret": "changeme"}
    assert SampleSettings(**insecure, environment="development").issuer == insecure["issuer"]
    for environment in ("staging", "production"):
        message = refusal(**insecure, environment=environment)
        assert "SAMPLE_ISSUER or ISSUER must be https" in message
        assert "SAMPLE_API_SECRET or API_SECRET is the example's" in message
        assert "changeme" not in message
        assert "localhost" not in message


def test_settings_do_not_change() -> None:
    settings = SampleSettings(issuer=ISSUER)
    with pytest.raises(ValidationError, match="frozen"):
        settings.issuer = "https://other.example.com"


def test_a_field_without_docstring_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("without docstring: ['silent']")):

        class Undocumented(ServiceSettings):
            service_prefix: ClassVar[str] = "UNDOCUMENTED_"
            silent: int = 1


def test_a_class_without_prefix_is_refused() -> None:
    with pytest.raises(TypeError, match="service_prefix must end in an underscore"):

        class Unprefixed(ServiceSettings):
            pass


def test_the_reference_page_has_every_setting_and_no_secret() -> None:
    listed = {setting.variable: setting for setting in list_settings(SampleSettings)}
    assert len(listed) == len(SampleSettings.model_fields)
    assert all(setting.description for setting in listed.values())
    assert listed["SAMPLE_RETRIES"] == Setting(
        "SAMPLE_RETRIES", "RETRIES", "int", "3", "How often to try."
    )
    assert listed["SAMPLE_API_SECRET"].type == "secret"
    assert listed["SAMPLE_API_SECRET"].default == ""
    assert listed["SAMPLE_ISSUER"].default is None
    assert listed["SAMPLE_ENVIRONMENT"].type == "development | staging | production"
    assert listed["SAMPLE_ALLOWED_ORIGINS"].type == "list"
    assert listed["SAMPLE_REQUIRE_PATCHED_POSTGRES"].default == "false"
