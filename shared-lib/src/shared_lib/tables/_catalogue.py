"""Compares a live database with the declarations: the gate that a service passes to start."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import asyncpg
from sqlalchemy import MetaData

from shared_lib.tables._declaration import (
    Isolation,
    Kind,
    Policy,
    Predicate,
    declared_tables,
)
from shared_lib.tables._generator import history_trigger, policy_name, role_name
from shared_lib.tables._keys import declared_keys, key_faults

# Alembic's own table holds one revision name and is granted to nobody.
_UNDECLARED_ON_PURPOSE = frozenset({"alembic_version"})

# How PostgreSQL writes each predicate back, the same from 15 to 18.
PREDICATES_AS_DEPARSED: Mapping[Predicate, str] = {
    Predicate.TENANT: "(tenant_id = ( SELECT (current_setting('app.current_tenant'::text, true))"
    "::uuid AS current_setting))",
    Predicate.PERSON: "(person_id = ( SELECT (current_setting('app.current_person'::text, true))"
    "::uuid AS current_setting))",
    Predicate.ACTOR: "(actor_id = ( SELECT (current_setting('app.current_actor'::text, true))"
    "::uuid AS current_setting))",
    Predicate.SUPPORT_SESSION: "(id = ( SELECT (current_setting('app.support_session'::text, true))"
    "::uuid AS current_setting))",
    Predicate.ITSELF: "(id = ( SELECT (current_setting('app.current_actor'::text, true))"
    "::uuid AS current_setting))",
    Predicate.ACCOUNT: "(account_id = ( SELECT (current_setting('app.current_actor'::text, true))"
    "::uuid AS current_setting))",
    Predicate.FOUNDER: "((founder_id)::text = ( SELECT current_setting('app.current_person'::text,"
    " true) AS current_setting))",
    Predicate.EVERY_ROW: "true",
}

_TABLES = """
SELECT c.relname, c.relkind::text AS relkind, c.relrowsecurity, c.relforcerowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_POLICIES = """
SELECT tablename, policyname, permissive, roles::text AS roles, cmd, qual, with_check
FROM pg_policies WHERE schemaname = 'public'
"""
_GRANTS = """
SELECT c.relname, coalesce(r.rolname, 'PUBLIC') AS grantee, a.privilege_type, NULL AS column_name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.grantee <> c.relowner
UNION ALL
SELECT c.relname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type, t.attname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute t ON t.attrelid = c.oid
CROSS JOIN LATERAL aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.grantee <> c.relowner
  AND NOT t.attisdropped
"""
_HISTORY = """
SELECT c.relname, pg_get_triggerdef(t.oid) AS definition
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND t.tgname = c.relname || '_history' AND t.tgenabled = 'O'
"""
_DEFINER_FUNCTIONS = """
SELECT p.proname, pg_get_userbyid(p.proowner) AS owner FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_ROLE = """
SELECT current_user AS name, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb,
  (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned,
  has_schema_privilege('public', 'CREATE')
    OR has_database_privilege(current_database(), 'CREATE, TEMP') AS creates,
  (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS memberships
FROM pg_roles r WHERE r.rolname = current_user
"""
_SERVER = """
SELECT current_setting('server_version_num')::int AS version,
  has_function_privilege('pg_catalog.set_config(text,text,boolean)', 'EXECUTE') AS set_config
"""
# The first minor of each major without CVE-2026-120154 (ON CONFLICT reads hidden rows).
PATCHED_MINORS = {15: 20, 16: 16, 17: 12, 18: 7}


@dataclass(frozen=True)
class ServerState:
    """`patched`: no known way around row level security. `set_config`: the role may call it."""

    version: str
    patched: bool
    set_config: bool


async def catalogue_faults(
    connection: asyncpg.Connection, metadata: MetaData, database: str
) -> list[str]:
    """Every way in which the tables differ from their declarations; empty when they do not.

    `database` is the prefix of the roles' names. Needs no privilege beyond CONNECT.
    """
    faults = await declaration_faults(connection, declared_tables(metadata), database)
    return faults + await key_faults(connection, declared_keys(metadata))


async def declaration_faults(
    connection: asyncpg.Connection, declared: Mapping[str, Isolation], database: str
) -> list[str]:
    """The same for declarations that came as data."""
    found = {row["relname"]: row for row in await connection.fetch(_TABLES)}
    undeclared = sorted(found.keys() - declared.keys() - _UNDECLARED_ON_PURPOSE)
    faults = [f"table {name} is not declared" for name in undeclared]
    faults += [f"table {name} is missing" for name in sorted(declared.keys() - found.keys())]
    for name, isolation in declared.items():
        row = found.get(name)
        guarded = isolation.kind is not Kind.GLOBAL
        if row and guarded and not row["relrowsecurity"]:
            faults.append(f"table {name}: row level security is not enabled")
        if row and guarded and not row["relforcerowsecurity"]:
            faults.append(f"table {name}: row level security is not forced")
    expected_policies = dict(_expected_policies(declared, database))
    faults += _differences("policy", expected_policies, await _live_policies(connection))
    faults += await _trigger_faults(connection, declared)
    faults += [
        f"function {row['proname']} runs with the rights of {row['owner']}"
        for row in await connection.fetch(_DEFINER_FUNCTIONS)
        if row["owner"] != role_name(database, "definer")
    ]
    expected_grants = dict.fromkeys(_expected_grants(declared, database), "granted")
    faults += _differences("grant", expected_grants, await _live_grants(connection))
    return faults


async def _trigger_faults(
    connection: asyncpg.Connection, declared: Mapping[str, Isolation]
) -> list[str]:
    rows = await connection.fetch(_HISTORY)
    live = {f"{row['relname']}_history": row["definition"] for row in rows}
    expected = {
        f"{name}_history": history_trigger(name, isolation)
        for name, isolation in declared.items()
        if isolation.history
    }
    return _differences("trigger", expected, live)


async def role_faults(connection: asyncpg.Connection) -> list[str]:
    """What makes the connected role unfit to serve requests; empty when nothing does."""
    role = await connection.fetchrow(_ROLE)
    name = role["name"]
    return [
        f"role {name} {fault}"
        for fault, present in (
            ("is a superuser", role["rolsuper"]),
            ("has BYPASSRLS", role["rolbypassrls"]),
            ("has CREATEROLE", role["rolcreaterole"]),
            ("has CREATEDB", role["rolcreatedb"]),
            (f"owns {role['owned']} relations", role["owned"]),
            # A temporary table would come before ours on that connection.
            ("may create tables", role["creates"]),
            (f"is a member of {role['memberships']} roles", role["memberships"]),
        )
        if present
    ]


async def server_state(connection: asyncpg.Connection) -> ServerState:
    """Version and hardening of the server, for the warnings at start and for health."""
    row = await connection.fetchrow(_SERVER)
    major, minor = divmod(row["version"], 10000)
    return ServerState(
        version=f"{major}.{minor}",
        patched=minor >= PATCHED_MINORS.get(major, 0),
        set_config=row["set_config"],
    )


def _expected_policies(
    declared: Mapping[str, Isolation], database: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for table, isolation in declared.items():
        for policy in isolation.policies:
            yield f"{table}.{policy_name(table, policy)}", _policy_shape(policy, database)


def _policy_shape(policy: Policy, database: str) -> tuple[str, ...]:
    predicate = PREDICATES_AS_DEPARSED[policy.predicate]
    using = "" if policy.command == "INSERT" else predicate
    check = predicate if policy.command in ("ALL", "INSERT") else ""
    role = "{" + role_name(database, policy.role) + "}"
    return ("PERMISSIVE", role, policy.command, using, check)


async def _live_policies(connection: asyncpg.Connection) -> dict[str, tuple[str, ...]]:
    return {
        f"{row['tablename']}.{row['policyname']}": (
            row["permissive"],
            row["roles"],
            row["cmd"],
            row["qual"] or "",
            row["with_check"] or "",
        )
        for row in await connection.fetch(_POLICIES)
    }


def _expected_grants(declared: Mapping[str, Isolation], database: str) -> Iterator[str]:
    for table, isolation in declared.items():
        for grant in isolation.grants:
            prefix = f"{table} to {role_name(database, grant.role)}:"
            for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                columns = getattr(grant, privilege.lower())
                if columns is True:
                    yield f"{prefix} {privilege}"
                elif columns:
                    yield from (f"{prefix} {privilege} ({column})" for column in columns)


async def _live_grants(connection: asyncpg.Connection) -> dict[str, str]:
    return {
        f"{row['relname']} to {row['grantee']}: {row['privilege_type']}"
        + (f" ({row['column_name']})" if row["column_name"] else ""): "granted"
        for row in await connection.fetch(_GRANTS)
        if row["relname"] not in _UNDECLARED_ON_PURPOSE
    }


def _differences(
    what: str, expected: Mapping[str, object], live: Mapping[str, object]
) -> list[str]:
    faults = [f"{what} {name} is missing" for name in sorted(expected.keys() - live.keys())]
    faults += [f"{what} {name} is not declared" for name in sorted(live.keys() - expected.keys())]
    faults += [
        f"{what} {name} is {live[name]} where {expected[name]} is declared"
        for name in sorted(expected.keys() & live.keys())
        if expected[name] != live[name]
    ]
    return faults
