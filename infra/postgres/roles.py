"""The roles of each database: their names, attributes and settings. Pure; no connection.

Roles belong to the whole server, so they are named after their database.
"""

import re

DATABASES = ("identity", "product")

ATTRIBUTES = {
    "rolsuper": ("SUPERUSER", False),
    "rolbypassrls": ("BYPASSRLS", False),
    "rolcreatedb": ("CREATEDB", False),
    "rolcreaterole": ("CREATEROLE", False),
    "rolreplication": ("REPLICATION", False),
    "rolinherit": ("INHERIT", False),
}
"""Column of ``pg_roles``: its keyword, and what every one of our roles has."""

NO_LOGIN = ("owner", "definer")
LOGIN = {
    "identity": ("app", "auth", "platform", "worker"),
    "product": ("app", "platform", "worker"),
}

CONTEXT = {
    "app.current_tenant": "",
    "app.current_person": "",
    "app.current_actor": "",
    "app.support_session": "",
    "app.request_id": "",
}
"""What the policies and the row history read. Empty from the start, so that a fresh connection
without a tenant fails as loudly as a used one."""

IDLE_IN_TRANSACTION = "10s"
STATEMENT_TIMEOUTS = {"app": "5s", "platform": "5s", "auth": "5s", "worker": "30s"}
LOCK_TIMEOUTS = {"app": "3s"}


def owner(prefix: str) -> str:
    """Owns the schema and its tables; migrations run under it."""
    return f"{prefix}_owner"


def definer(prefix: str) -> str:
    """Owns the SECURITY DEFINER functions."""
    return f"{prefix}_definer"


def worker(prefix: str) -> str:
    """Runs jobs; the one service role that may call ``set_config``."""
    return f"{prefix}_worker"


def login_roles(prefix: str) -> tuple[str, ...]:
    """The roles with which the services of a database connect."""
    return tuple(f"{prefix}_{kind}" for kind in LOGIN[prefix])


def all_roles(prefix: str) -> tuple[str, ...]:
    """Every role of a database."""
    return (owner(prefix), definer(prefix), *login_roles(prefix))


def timeouts(role: str) -> dict[str, str]:
    """Limits of a role, by name of the server's setting; none for those that cannot log in."""
    kind = role.rpartition("_")[2]
    if kind in NO_LOGIN:
        return {}
    settings = {
        "statement_timeout": STATEMENT_TIMEOUTS[kind],
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
    }
    if kind in LOCK_TIMEOUTS:
        settings["lock_timeout"] = LOCK_TIMEOUTS[kind]
    return settings


def identifier(name: str) -> str:
    """Quote a name for SQL. Raises ValueError for one that PostgreSQL would cut or refuse."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", name):
        raise ValueError(f"not the name of a database or role: {name!r}")
    return f'"{name}"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    if "\0" in text:
        raise ValueError("PostgreSQL stores no NUL in a text")
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
