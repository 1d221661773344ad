"""The file of generated secrets and URLs: one line ``NAME=value`` each, readable by its owner."""

import base64
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.postgres.roles import DATABASES, login_roles
from infra.postgres.urls import password_in, service_url
from shared_lib.audit import AuditKey

HEADER = "# Written by infra.postgres.bootstrap. Secrets in it are kept, URLs are renewed.\n"
AUDIT_SIGNING_KEY = "AUDIT_SIGNING_KEY"
AUDIT_PUBLIC_KEYS = "CORE_AUDIT_PUBLIC_KEYS"
PREFIXES = {"product": "CORE", "identity": "IDENTITY"}
"""Database: prefix of the names that its service, and no other process, is given."""


def url_name(database: str, role: str) -> str:
    """Name of the URL with which a service connects as `role`: ``CORE_APP_DATABASE_URL``."""
    return f"{PREFIXES[database]}_{role.removeprefix(f'{database}_').upper()}_DATABASE_URL"


def migration_name(database: str) -> str:
    """Name of the administrator's URL, for migrations and the demo loader only."""
    return f"MIGRATION_{database.upper()}_DATABASE_URL"


def read_variables(path: Path) -> dict[str, str]:
    """The variables of a file of ``NAME=value`` lines; empty when it does not exist.

    Blank lines and lines that start with ``#`` do not count; quotes around a value fall away.
    Raises ValueError, without the line's text, for any other line.
    """
    variables = {}
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"{path}, line {number}: expected NAME=value")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        variables[name.strip()] = value
    return variables


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    """Replace the file in one step, with mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w") as file:
        file.write(HEADER + "".join(f"{name}={value}\n" for name, value in variables.items()))
    Path(scratch).replace(path)


def passwords(kept: Mapping[str, str]) -> dict[str, str]:
    """The password of each role that may log in: the kept one, else a fresh one."""
    found = {}
    for database in DATABASES:
        for role in login_roles(database):
            old = password_in(kept.get(url_name(database, role), ""))
            found[role] = old or secrets.token_urlsafe(32)
    return found


def variables_for(
    administrator_url: str, role_passwords: Mapping[str, str], kept: Mapping[str, str]
) -> dict[str, str]:
    """Everything that the file holds: URLs from the administrator's, secrets kept or made."""
    variables = {
        url_name(database, role): service_url(
            administrator_url, database, role, role_passwords[role]
        )
        for database in DATABASES
        for role in login_roles(database)
    }
    client_secret = kept.get("CORE_CLIENT_SECRET") or secrets.token_urlsafe(32)
    variables["CORE_CLIENT_SECRET"] = client_secret
    variables["IDENTITY_CORE_CLIENT_SECRET"] = client_secret
    variables["IDENTITY_ENCRYPTION_KEY"] = kept.get("IDENTITY_ENCRYPTION_KEY") or _fernet_key()
    for database in DATABASES:
        variables[migration_name(database)] = service_url(administrator_url, database)
    return {**kept, **variables, **_audit_keys(kept)}


def _audit_keys(kept: Mapping[str, str]) -> dict[str, str]:
    """The private audit key, which no service is given, and the public ones of it and before it.

    Without its line a new key is made; the public part of the old one stays with the core.
    """
    private = kept.get(AUDIT_SIGNING_KEY)
    key = AuditKey.from_setting(private) if private else AuditKey.generate()
    public = [key.public, *kept.get(AUDIT_PUBLIC_KEYS, "").split(",")]
    return {
        AUDIT_SIGNING_KEY: key.setting,
        AUDIT_PUBLIC_KEYS: ",".join(dict.fromkeys(filter(None, public))),
    }


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
