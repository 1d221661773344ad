"""docker-compose.yml, as far as it can be judged without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"migrations", "identity-service", "identity-worker", "product-core-api", "core-worker"}
ONE_SHOT = {"migrations"}
VARIABLE = re.compile(r"\$\{(\w+)(:-|:\?|[-?])?")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY|DATABASE_URL")

every_service = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    return dict(SERVICES[name].get("environment", {}))


def mounts(name: str) -> dict[str, str]:
    """Volume: what it is to the service, with the mode."""
    return dict(each.split(":", 1) for each in SERVICES[name].get("volumes", ()))


def test_everything_is_there() -> None:
    assert set(SERVICES) == OURS | {"postgres", "redis"}
    assert SERVICES["identity-worker"]["command"] == ["python", "-m", "app.worker"]
    assert SERVICES["core-worker"]["command"] == ["python", "-m", "app.worker"]
    for worker, service in (
        ("identity-worker", "identity-service"),
        ("core-worker", "product-core-api"),
    ):
        for part in ("image", "build"):
            assert SERVICES[worker][part] == SERVICES[service][part]


@every_service
def test_it_is_healthy_or_ends(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


@every_service
def test_it_has_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "userns_mode"} & set(service)
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "postgres":  # whose own entry point becomes `postgres`
        assert "user" not in service
        return
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    if name in OURS:
        assert "user" not in service  # the images' own, which test_dockerfiles knows
    else:
        assert service["user"] not in {"root", "0"}


@every_service
def test_it_is_reached_from_this_machine_only(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in {"identity-service", "product-core-api"})
    assert all(port.startswith("127.0.0.1:${") for port in ports)


def test_no_value_of_a_secret_stands_in_it() -> None:
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)
    for name in SERVICES:
        for variable, value in environment(name).items():
            if SECRET.search(variable) and variable != "SECRETS_FILE":
                assert value == f"${{{variable}:-}}", f"{name}: {variable}"
    # What people give, to those who need it: the rest is generated.
    assert {
        (name, variable)
        for name in SERVICES
        for variable in environment(name)
        if SECRET.search(variable)
    } - {(name, "SECRETS_FILE") for name in OURS} == {
        ("migrations", "DATABASE_URL"),
        ("identity-worker", "SMTP_PASSWORD"),
        ("core-worker", "SMTP_PASSWORD"),
    }


def test_each_service_mounts_its_own_secrets_and_no_others() -> None:
    place = "/var/lib/phase-zero/secrets"
    holders = {
        volume: {name: mounts(name)[volume] for name in SERVICES if volume in mounts(name)}
        for volume in ("administrator", "secrets", "identity-secrets", "core-secrets")
    }
    assert holders == {
        "administrator": {
            "postgres": "/run/administrator",
            "migrations": "/var/lib/phase-zero/administrator:ro",
        },
        "secrets": {"migrations": place},
        "identity-secrets": {
            "migrations": "/var/lib/phase-zero/identity",
            "identity-service": f"{place}:ro",
            "identity-worker": f"{place}:ro",
        },
        "core-secrets": {
            "migrations": "/var/lib/phase-zero/core",
            "product-core-api": f"{place}:ro",
            "core-worker": f"{place}:ro",
        },
    }
    for name in OURS - ONE_SHOT:
        assert environment(name)["SECRETS_FILE"] == f"{place}/secrets.env"


def test_nothing_of_this_machine_is_mounted() -> None:
    assert set(COMPOSE["volumes"]) == {volume for name in SERVICES for volume in mounts(name)}


def test_the_data_of_postgres_18_lie_where_it_looks() -> None:
    assert SERVICES["postgres"]["image"] == "${POSTGRES_IMAGE:-postgres:18}"
    assert mounts("postgres")["postgres"] == "/var/lib/postgresql"


def test_services_depend_on_nothing_that_ends() -> None:
    """They wait by themselves; where dependencies must run, they would never be restarted."""
    for name in OURS - ONE_SHOT:
        assert not ONE_SHOT & set(SERVICES[name]["depends_on"])
    assert SERVICES["redis"]["depends_on"] == {
        "migrations": {"condition": "service_completed_successfully"}
    }


@pytest.mark.parametrize("name", sorted(OURS - ONE_SHOT))
def test_code_is_watched(name: str) -> None:
    watched = SERVICES[name]["develop"]["watch"]
    directory = Path(SERVICES[name]["build"]["dockerfile"]).parent
    assert {f"{directory}/app", f"{directory}/migrations", "shared-lib/src", "uv.lock"} == {
        each["path"] for each in watched
    }
    assert all((ROOT / each["path"]).exists() for each in watched)


@pytest.mark.parametrize("name", sorted(OURS))
def test_it_builds_from_the_root(name: str) -> None:
    build = SERVICES[name]["build"]
    assert build["context"] == "."
    assert (ROOT / build["dockerfile"]).exists()


def test_every_variable_is_documented_and_has_a_default() -> None:
    documented = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for line in TEXT.splitlines():
        for variable, default in VARIABLE.findall(line.replace("$$", "")):
            assert default == ":-", line
            assert variable in documented, variable
