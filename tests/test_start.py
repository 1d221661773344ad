"""What refuses to start: services with insecure settings, demo data outside development."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.dev.configuration import Configuration
from infra.postgres.secrets_file import passwords, variables_for, write_variables
from shared_lib.testing.mail import REAL_MAIL
from tests.cluster import configured
from tests.logs import Log
from tests.people import STAFF, refusal, sign_in, token_request
from tests.system import ServiceProcess, System, quiet_port, secrets_in

HTTPS = {
    "ENVIRONMENT": "production",
    "ISSUER": "https://identity.example.com",
    **{name.upper(): value for name, value in REAL_MAIL.items()},
}
SHORT = "short-secret-of-a-test"

REFUSED = [
    ("core", {"ENVIRONMENT": "production"}, "ISSUER"),
    ("core", {"ENVIRONMENT": "staging"}, "ISSUER"),
    ("core", HTTPS | {"CORE_REQUIRE_AUTH": "false"}, "REQUIRE_AUTH"),
    ("core", HTTPS | {"REQUIRE_AUTH": "false"}, "REQUIRE_AUTH"),
    ("core", HTTPS | {"CORE_CLIENT_SECRET": SHORT}, "CORE_CLIENT_SECRET"),
    ("core", HTTPS | {"SMTP_HOST": ""}, "SMTP_HOST"),
    ("core", HTTPS | {"CORE_WEB_URL": "http://app.example.com"}, "CORE_WEB_URL"),
    ("core", {"CORE_CLIENT_SECRETS": SHORT}, "CORE_CLIENT_SECRETS"),
    ("core", {"ALLOWED_ORIGINS": "*"}, "ALLOWED_ORIGINS"),
    ("identity", {"ENVIRONMENT": "production"}, "ISSUER"),
    ("identity", {"ENVIRONMENT": "staging"}, "ISSUER"),
    ("identity", HTTPS | {"IDENTITY_CORE_CLIENT_SECRET": SHORT}, "IDENTITY_CORE_CLIENT_SECRET"),
    ("identity", HTTPS | {"SMTP_TLS": "none"}, "SMTP_TLS"),
    ("identity", HTTPS | {"MAIL_FROM": ""}, "MAIL_FROM"),
    ("identity", HTTPS | {"IDENTITY_JWKS_MAX_AGE": "299"}, "IDENTITY_JWKS_MAX_AGE"),
    ("identity", HTTPS | {"IDENTITY_KEY_MARGIN": "59"}, "IDENTITY_KEY_MARGIN"),
    ("identity", HTTPS | {"IDENTITY_LONGEST_TOKEN": "3599"}, "IDENTITY_LONGEST_TOKEN"),
    ("identity", HTTPS | {"IDENTITY_ACCESS_TOKEN_LIFETIME": "901"}, "ACCESS_TOKEN_LIFETIME"),
    ("identity", HTTPS | {"IDENTITY_ARGON2_MEMORY_KIB": "1024"}, "IDENTITY_ARGON2_MEMORY_KIB"),
    ("identity", {"IDENTITY_ENCRYPTION_KEY": SHORT}, "IDENTITY_ENCRYPTION_KEY"),
    ("identity", {"IDENTITY_ENCRYPTION": SHORT}, "IDENTITY_ENCRYPTION"),
]


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """That of a machine whose PostgreSQL nobody has started: nothing here gets so far."""
    variables = variables_for("postgresql://postgres@127.0.0.1:1/postgres", passwords({}), {})
    write_variables(tmp_path / "secrets.env", variables)
    return configured(
        {
            "DATA_DIR": str(tmp_path),
            "CORE_PORT": str(quiet_port()),
            "IDENTITY_PORT": str(quiet_port()),
        }
    )


def process(configuration: Configuration, name: str) -> ServiceProcess:
    service = {"core": configuration.core, "identity": configuration.identity}[name]
    return ServiceProcess(configuration, service, Log(configuration.data / f"{name}.log"))


@pytest.mark.parametrize(("name", "overrides", "named"), REFUSED)
def test_a_service_with_a_bad_setting_names_it(
    configuration: Configuration, name: str, overrides: dict[str, str], named: str
) -> None:
    refused = process(configuration, name)
    environment = configuration.service_environment(refused.service)
    refused.overrides = overrides
    assert refused.refuse_to_start() != 0
    output = "\n".join(refused.log.lines)
    assert "Traceback" not in output
    assert named in output
    secrets = secrets_in({k: v for k, v in environment.items() if _is_secret(k)}) | {SHORT}
    assert len(secrets) > 3
    assert refused.log.leaks(secrets) == []


@pytest.mark.parametrize("name", ["core", "identity"])
def test_nothing_given_means_production(configuration: Configuration, name: str) -> None:
    refused = process(configuration, name)
    refused.overrides = {"ENVIRONMENT": ""}
    assert refused.refuse_to_start() != 0
    assert "ISSUER must be https" in "\n".join(refused.log.lines)


@pytest.mark.parametrize("environment", ["production", "staging", "Development", "", None])
@pytest.mark.parametrize("name", ["core", "identity"])
def test_demo_data_is_for_development_only(
    configuration: Configuration, name: str, environment: str | None
) -> None:
    service = process(configuration, name).service
    variables = configuration.migration_environment(service)
    del variables["ENVIRONMENT"]
    if environment is not None:
        variables["ENVIRONMENT"] = environment
    command = [sys.executable, "-m", "app.demo"]
    result = subprocess.run(  # noqa: S603 - our own program
        command,
        cwd=service.directory,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 2
    assert "ENVIRONMENT=development only" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.database
def test_a_pair_in_production_serves_customers_and_no_staff(frail: System) -> None:
    """Until there are second factors, staff sign in nowhere but in development."""
    frail.restart(**HTTPS)
    owner = sign_in(frail, "owner@acme.example.com")
    assert owner.claims["iss"] == HTTPS["ISSUER"]
    assert owner.popups()
    for address, password in STAFF.items():
        refused = token_request(frail, username=address, password=password)
        assert refusal(refused) == (400, "second_factor_required")


@pytest.mark.database
def test_a_lost_encryption_key_is_not_replaced_by_a_new_signing_key(frail: System) -> None:
    """A new one would sign everybody out, and hide that the old one is lost."""
    member = sign_in(frail, "standard@acme.example.com")
    everything = "SELECT to_jsonb(k)::text AS key FROM signing_keys AS k ORDER BY kid"
    before = frail.sql("identity", everything)
    other = base64.urlsafe_b64encode(os.urandom(32)).decode()
    frail.secrets.add(other)
    frail.identity.stop()
    frail.identity.overrides = {"IDENTITY_ENCRYPTION_KEY": other}
    assert frail.identity.refuse_to_start() != 0
    assert any("KeysUndecryptable" in line for line in frail.identity.log.lines)
    assert frail.sql("identity", everything) == before

    kept = frail.environment(frail.identity)["IDENTITY_ENCRYPTION_KEY"]
    frail.identity.overrides = {"IDENTITY_ENCRYPTION_KEY": f"{other},{kept}"}
    frail.identity.up()
    assert member.identity("GET", "/me").status_code == 200


@pytest.mark.database
def test_without_required_sign_in_anonymous_callers_have_the_public_organization(
    frail: System,
) -> None:
    frail.restart(CORE_REQUIRE_AUTH="false")
    url = f"{frail.core.url}/api/v1"
    public = frail.client.get(f"{url}/org").json()
    assert public["id"] == "00000000-0000-0000-0000-000000000000"
    created = frail.client.post(f"{url}/popups", json={"name": "Of nobody"})
    assert created.status_code == 201
    assert "Of nobody" in {
        each["name"] for each in frail.client.get(f"{url}/popups").json()["results"]
    }
    for path in ("/admin/orgs", "/support/orgs", "/org/audit-log"):
        assert frail.client.get(f"{url}{path}").status_code == 403, path
    internal = frail.client.post(f"{frail.core.url}/internal/revocations", json={})
    assert refusal(internal) == (401, "missing_token")
    member = sign_in(frail, "standard@acme.example.com")
    assert "Of nobody" not in member.popups()
    theirs = member.core("GET", f"/popups/{created.json()['id']}")
    assert refusal(theirs) == (404, "popup_not_found")


def _is_secret(variable: str) -> bool:
    return variable.endswith(("_DATABASE_URL", "_SECRET", "_KEY"))
