"""What each process is given, and what it is not."""

import os
import socket
from pathlib import Path

import pytest

from infra.dev.configuration import RUNNER, Configuration, ConfigurationError
from infra.dev.ports import LOOPBACK, PortTakenError, free_port, free_ports, require_free
from infra.postgres.secrets_file import write_variables

SECRETS = {
    "CORE_APP_DATABASE_URL": "core-url",
    "CORE_CLIENT_SECRET": "shared",
    "IDENTITY_ENCRYPTION_KEY": "key",
    "IDENTITY_CORE_CLIENT_SECRET": "shared",
    "MIGRATION_PRODUCT_DATABASE_URL": "product-admin",
    "MIGRATION_IDENTITY_DATABASE_URL": "identity-admin",
}


def read(root: Path, dotenv: str = "", **environ: str) -> Configuration:
    (root / ".env").write_text(dotenv)
    write_variables(root / ".data" / "secrets.env", SECRETS)
    return Configuration.read(environ, root)


def test_a_service_gets_its_own_values_and_no_others(tmp_path: Path) -> None:
    found = read(tmp_path, PATH="/bin", AWS_SECRET_ACCESS_KEY="x", VIRTUAL_ENV="/v")
    reach = {
        "ISSUER", "ALLOWED_ORIGINS", "ENVIRONMENT", "MAIL_DIRECTORY", "PATH", "PYTHONUNBUFFERED",
    }  # fmt: skip
    core = found.service_environment(found.core)
    assert set(core) == reach | {
        "CORE_APP_DATABASE_URL", "CORE_CLIENT_SECRET", "IDENTITY_URL", "JWKS_URL",
    }  # fmt: skip
    identity = found.service_environment(found.identity)
    assert set(identity) == reach | {
        "IDENTITY_ENCRYPTION_KEY", "IDENTITY_CORE_CLIENT_SECRET", "CORE_URL",
    }  # fmt: skip


def test_migrations_get_the_administrator_and_no_secret_of_a_service(tmp_path: Path) -> None:
    found = read(tmp_path, PATH="/bin")
    assert found.migration_environment(found.core) == {
        "PATH": "/bin",
        "PYTHONUNBUFFERED": "1",
        "ENVIRONMENT": "development",
        "MIGRATION_DATABASE_URL": "product-admin",
        "MIGRATION_ROLE": "product_owner",
    }
    assert found.migration_environment(found.identity)["MIGRATION_ROLE"] == "identity_owner"


def test_addresses_follow_the_ports(tmp_path: Path) -> None:
    found = read(tmp_path, IDENTITY_PORT="9001", CORE_PORT="9000")
    core = found.service_environment(found.core)
    assert core["ISSUER"] == "http://localhost:9001"
    assert core["IDENTITY_URL"] == "http://127.0.0.1:9001"
    assert core["JWKS_URL"] == "http://127.0.0.1:9001/.well-known/jwks.json"
    assert found.service_environment(found.identity)["CORE_URL"] == "http://127.0.0.1:9000"


def test_the_runners_own_names_reach_no_process(tmp_path: Path) -> None:
    values = {"IDENTITY_PORT": "9001", "CORE_PORT": "9000", "POSTGRES_PORT": "9002"}
    own = dict.fromkeys(RUNNER, "1") | values | {"DATA_DIR": ".data"}
    found = read(tmp_path, "".join(f"{name}={value}\n" for name, value in own.items()), **own)
    for service in (found.core, found.identity):
        assert not RUNNER & set(found.service_environment(service))
        assert not RUNNER & set(found.migration_environment(service))


def test_dotenv_is_shared_by_prefix_and_the_environment_wins(tmp_path: Path) -> None:
    dotenv = (
        "CORE_LOG_LEVEL=debug\nCORE_POOL=5\nIDENTITY_LOG_LEVEL=info\nREDIS_URL=redis://r\n"
        "ISSUER=https://id.example.com\nENVIRONMENT=development\nIDENTITY_URL=http://elsewhere\n"
        "MIGRATION_X=1\n"
    )
    found = read(tmp_path, dotenv, CORE_POOL="9")
    core, identity = map(found.service_environment, (found.core, found.identity))
    assert (core["CORE_LOG_LEVEL"], core["CORE_POOL"]) == ("debug", "9")
    assert core["MAIL_DIRECTORY"] == identity["MAIL_DIRECTORY"] == str(tmp_path / ".data/mail")
    assert (core["IDENTITY_URL"], core["REDIS_URL"]) == ("http://elsewhere", "redis://r")
    assert "IDENTITY_LOG_LEVEL" not in core
    assert identity["IDENTITY_LOG_LEVEL"] == "info"
    assert not {"CORE_POOL", "IDENTITY_URL", "MIGRATION_X"} & set(identity)
    assert core["ISSUER"] == identity["ISSUER"] == "https://id.example.com"
    assert core["ENVIRONMENT"] == identity["ENVIRONMENT"] == "development"


def test_the_environment_wins_without_a_prefix_too(tmp_path: Path) -> None:
    found = read(tmp_path, "REQUIRE_AUTH=false\nLOG_LEVEL=debug\n", REQUIRE_AUTH="true")
    core = found.service_environment(found.core)
    assert (core["REQUIRE_AUTH"], core["LOG_LEVEL"]) == ("true", "debug")
    alone = read(
        tmp_path, "", REQUIRE_AUTH="false", SMTP_HOST="mail.example.com", SOMETHING_ELSE="x"
    )
    core = alone.service_environment(alone.core)
    assert core["REQUIRE_AUTH"] == "false"
    assert core["SMTP_HOST"] == "mail.example.com"
    assert "SOMETHING_ELSE" not in core


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_another_environment_is_refused(tmp_path: Path, environment: str) -> None:
    with pytest.raises(ConfigurationError, match="ENVIRONMENT"):
        read(tmp_path, f"ENVIRONMENT={environment}\n")
    with pytest.raises(ConfigurationError, match="ENVIRONMENT"):
        read(tmp_path, "", ENVIRONMENT=environment)


def test_data_dir_and_reload(tmp_path: Path) -> None:
    assert read(tmp_path).data == tmp_path / ".data"
    assert read(tmp_path, DATA_DIR="elsewhere").data == tmp_path / "elsewhere"
    assert read(tmp_path, DATA_DIR="/absolute").data == Path("/absolute")
    assert [read(tmp_path, RELOAD=text).reload for text in ("", "0", "1")] == [False, False, True]


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "٣"])
def test_a_port_that_is_none_is_named(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigurationError, match="CORE_PORT"):
        read(tmp_path, CORE_PORT=port)


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_taken_port_is_named_with_its_holder(host: str) -> None:
    with socket.create_server(
        (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
    ) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port}, needed for core") as raised:
            require_free("core", port)
        if Path("/proc/self/fd").exists():
            assert f"process {os.getpid()} " in str(raised.value)
    require_free("core", port)


def test_a_free_port_is_free() -> None:
    require_free("core", free_port())


def test_free_ports_are_different_ones() -> None:
    assert len(set(free_ports(500))) == 500
