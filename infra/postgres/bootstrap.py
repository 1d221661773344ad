"""Prepares a server: databases, roles, privileges, and the file of secrets and URLs.

``DATABASE_URL=<administrator's> python -m infra.postgres.bootstrap [FILE]`` may be repeated.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

from infra.postgres import roles
from infra.postgres.roles import identifier, literal
from infra.postgres.secrets_file import passwords, read_variables, variables_for, write_variables
from infra.postgres.urls import driver_url
from shared_lib.tables import PATCHED_MINORS

DEFAULT_FILE = Path(".data/secrets.env")
ADVISORY_LOCK: Final = 0x7068617365  # one preparation of a server at a time
CONNECT_SECONDS = 10.0
SET_CONFIG = "pg_catalog.set_config(text,text,boolean)"
OLDEST_MAJOR = 15
WITH_SET_MAJOR = 16  # memberships say whether they allow SET ROLE


class BootstrapError(Exception):
    """The server cannot be prepared; the message says why."""


async def bootstrap(administrator_url: str, secrets_path: Path) -> list[str]:
    """Prepare databases and roles, write `secrets_path` (0600), and return warnings.

    Secrets that the file already has are kept; roles get the passwords that it says.
    """
    kept = read_variables(secrets_path)
    role_passwords = passwords(kept)
    admin = await _connect(administrator_url)
    try:
        warnings = await server_warnings(admin)
        warnings += await create_roles(admin, role_passwords)
        for database in roles.DATABASES:
            await _create_database(admin, database)
    finally:
        await admin.close()
    write_variables(secrets_path, variables_for(administrator_url, role_passwords, kept))
    for database in roles.DATABASES:
        admin_of_database = await _connect(administrator_url, database)
        try:
            warnings += await secure_database(admin_of_database, database)
        finally:
            await admin_of_database.close()
    return warnings


async def create_roles(admin: asyncpg.Connection, role_passwords: Mapping[str, str]) -> list[str]:
    """Create or correct the roles of all databases; those that log in get the given passwords.

    Returns warnings. `admin` is a superuser, or has CREATEROLE and becomes a member of the owner
    and definer roles, without which migrations could not ``SET ROLE``.
    """
    warnings: list[str] = []
    async with admin.transaction():
        await admin.execute(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        for prefix in roles.DATABASES:
            for role in roles.all_roles(prefix):
                await _create_role(admin, role, role_passwords.get(role))
        every_role = [role for prefix in roles.DATABASES for role in roles.all_roles(prefix)]
        warnings += await _end_memberships(admin, every_role)
        warnings += await _apply_settings(admin, every_role)
        if not await _is_superuser(admin):
            for prefix in roles.DATABASES:
                await _join(admin, roles.owner(prefix))
                await _join(admin, roles.definer(prefix))
    return warnings


async def secure_database(admin: asyncpg.Connection, role_prefix: str) -> list[str]:
    """Set the privileges of the database that `admin` is connected to; returns warnings.

    Cheap and repeatable. Call it again after ``CREATE DATABASE … TEMPLATE``, which does not copy
    the database's own privileges.
    """
    database = identifier(await admin.fetchval("SELECT current_database()"))
    owner, definer = roles.owner(role_prefix), roles.definer(role_prefix)
    logins = ", ".join(map(identifier, roles.login_roles(role_prefix)))
    async with admin.transaction():
        await admin.execute(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        await admin.execute(f"""
            REVOKE ALL ON DATABASE {database} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {database} TO {logins};
        """)
        await _give_schema(admin, owner)
        await admin.execute(f"""
            SET LOCAL ROLE {owner};
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            GRANT USAGE ON SCHEMA public TO {logins};
            GRANT USAGE, CREATE ON SCHEMA public TO {definer};
            ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
            SET LOCAL ROLE {definer};
            ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
            RESET ROLE;
        """)
        await _restrict_language(admin, role_prefix)
    return await _set_config_warnings(admin, role_prefix)


async def server_warnings(admin: asyncpg.Connection) -> list[str]:
    """What is wrong with the server's version. Raises BootstrapError when it is too old."""
    major, minor = await _version(admin)
    if major < OLDEST_MAJOR:
        raise BootstrapError(f"PostgreSQL {major} is too old: {OLDEST_MAJOR} or newer.")
    patched = PATCHED_MINORS.get(major, 0)
    if minor >= patched:
        return []
    warning = (
        f"PostgreSQL {major}.{minor} has CVE-2026-120154 (rows of other tenants through "
        f"ON CONFLICT), which our tenant-first unique keys close; {major}.{patched} repairs it."
    )
    return [warning]


async def _connect(url: str, database: str | None = None) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(driver_url(url, database), timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = str(error) or type(error).__name__
        raise BootstrapError(f"Cannot connect as administrator: {said}") from error


async def _version(admin: asyncpg.Connection) -> tuple[int, int]:
    # asyncpg's own reading takes the minor version for something else.
    major, minor = divmod(int(await admin.fetchval("SHOW server_version_num")), 10_000)
    return major, minor


async def _create_role(admin: asyncpg.Connection, role: str, password: str | None) -> None:
    login = role.rpartition("_")[2] not in roles.NO_LOGIN
    if login and not password:
        raise BootstrapError(f"The role {role} needs a password.")
    name = identifier(role)
    found = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
    if not found:
        off = " ".join(f"NO{keyword}" for keyword, _ in roles.ATTRIBUTES.values())
        await admin.execute(f"CREATE ROLE {name} {off}")
    else:
        # Only what differs: naming SUPERUSER or BYPASSRLS at all takes a superuser.
        wrong = [k for c, (k, wanted) in roles.ATTRIBUTES.items() if found[c] != wanted]
        if wrong:
            await admin.execute(f"ALTER ROLE {name} " + " ".join(f"NO{k}" for k in wrong))
    access = f"LOGIN PASSWORD {literal(password or '')}" if login else "NOLOGIN PASSWORD NULL"
    await admin.execute(f"ALTER ROLE {name} {access}")


async def _end_memberships(admin: asyncpg.Connection, every_role: list[str]) -> list[str]:
    """A member could take on the other role's rights: none of ours is a member of anything."""
    found = await admin.fetch(
        """
        SELECT granted.rolname AS granted, member.rolname AS member
        FROM pg_auth_members m
        JOIN pg_roles granted ON granted.oid = m.roleid
        JOIN pg_roles member ON member.oid = m.member
        WHERE member.rolname = ANY($1::text[])
        """,
        every_role,
    )
    for row in found:
        await admin.execute(f"REVOKE {identifier(row['granted'])} FROM {identifier(row['member'])}")
    return [f"{row['member']} was a member of {row['granted']}; no longer." for row in found]


async def _apply_settings(admin: asyncpg.Connection, every_role: list[str]) -> list[str]:
    for role in every_role:
        for setting, value in roles.timeouts(role).items():
            await admin.execute(f"ALTER ROLE {identifier(role)} SET {setting} = {literal(value)}")
    context = ";".join(
        f"ALTER ROLE {identifier(role)} SET {setting} = {literal(value)}"
        for role in every_role
        for setting, value in roles.CONTEXT.items()
    )
    try:
        async with admin.transaction():
            await admin.execute(context)
    except asyncpg.InsufficientPrivilegeError:
        return [
            (
                "This administrator may not give the roles their app.* settings (that takes a "
                "superuser): on a fresh connection a query without a tenant sees no row where it "
                "would otherwise fail."
            )
        ]
    return []


async def _join(admin: asyncpg.Connection, role: str) -> None:
    major, _ = await _version(admin)
    option = " WITH SET TRUE, INHERIT FALSE" if major >= WITH_SET_MAJOR else ""
    await admin.execute(f"GRANT {identifier(role)} TO CURRENT_USER{option}")


async def _create_database(admin: asyncpg.Connection, database: str) -> None:
    if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        return
    try:
        # template0: nothing that somebody left in template1 comes along.
        await admin.execute(
            f"CREATE DATABASE {identifier(database)} TEMPLATE template0 ENCODING 'UTF8'"
        )
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # somebody else prepares the same server


async def _give_schema(admin: asyncpg.Connection, owner: str) -> None:
    holder = await admin.fetchval(
        "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'public'"
    )
    if holder is None:
        raise BootstrapError("The database has no schema public.")
    if holder != owner:
        await admin.execute(f"ALTER SCHEMA public OWNER TO {identifier(owner)}")


async def _restrict_language(admin: asyncpg.Connection, role_prefix: str) -> None:
    """Where the server lets us: with set_config any expression, with plpgsql any DO block, could
    switch the tenant.
    """
    if not await _is_superuser(admin):
        return
    worker = identifier(roles.worker(role_prefix))
    writers = f"{roles.owner(role_prefix)}, {roles.definer(role_prefix)}"
    await admin.execute(f"""
        REVOKE EXECUTE ON FUNCTION {SET_CONFIG} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {SET_CONFIG} TO {worker};
        REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
        GRANT USAGE ON LANGUAGE plpgsql TO {writers};
    """)


async def _set_config_warnings(admin: asyncpg.Connection, role_prefix: str) -> list[str]:
    worker = roles.worker(role_prefix)
    may_call = [
        role
        for role in roles.login_roles(role_prefix)
        if role != worker
        and await admin.fetchval(
            "SELECT has_function_privilege($1, $2, 'EXECUTE')", role, SET_CONFIG
        )
    ]
    if not may_call:
        return []
    warning = (
        f"Weaker mode: {', '.join(may_call)} may call set_config, so that SQL injected into one "
        "of their statements could switch the tenant. Revoking it takes a superuser."
    )
    return [warning]


async def _is_superuser(admin: asyncpg.Connection) -> bool:
    return bool(await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))


def main() -> int:
    """Prepare the server of DATABASE_URL; the exit status."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write("DATABASE_URL, the administrator's, is not set.\n")
        return 2
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FILE
    try:
        warnings = asyncio.run(bootstrap(url, path))
    except (BootstrapError, ValueError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"Warning: {warning}\n" for warning in warnings))
    sys.stdout.write(f"Databases and roles are ready; {path} holds their URLs.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
