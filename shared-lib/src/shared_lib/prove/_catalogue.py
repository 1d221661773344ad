"""Reads from a live database everything that keeps organizations apart. Needs CONNECT only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shared_lib.tables import role_name

_TABLES = """
SELECT c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS enabled,
  c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner,
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
    AND NOT a.attisdropped) AS has_tenant
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1
"""
_COLUMNS = """
SELECT c.relname AS table, a.attname AS name, a.attnotnull AS required,
  coalesce(b.typname, t.typname) AS type, coalesce(b.typtype, t.typtype)::text AS kind
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), nullif(t.typelem, 0))
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, a.attnum
"""
_POLICIES = """
SELECT p.tablename AS table, p.policyname AS name, p.permissive, p.roles::text[] AS roles, p.cmd,
  p.qual AS using, p.with_check AS check
FROM pg_policies p WHERE p.schemaname = 'public' ORDER BY 1, 2
"""
# The functions that policies call, however deep in the expression.
_POLICY_FUNCTIONS = """
SELECT DISTINCT c.relname AS table, p.polname AS policy, d.refobjid::regprocedure::text AS function,
  f.provolatile::text AS volatility
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
  AND d.refclassid = 'pg_proc'::regclass
JOIN pg_proc f ON f.oid = d.refobjid ORDER BY 1, 2, 3
"""
_GRANTS = """
SELECT c.relname AS relation, c.relkind::text AS kind, coalesce(r.rolname, 'PUBLIC') AS grantee,
  a.privilege_type AS privilege, NULL AS column, a.is_grantable AS grantable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'public' AND a.grantee <> c.relowner
UNION ALL
SELECT c.relname, c.relkind::text, coalesce(r.rolname, 'PUBLIC'), a.privilege_type, t.attname,
  a.is_grantable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute t ON t.attrelid = c.oid
CROSS JOIN LATERAL aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'public' AND a.grantee <> c.relowner AND NOT t.attisdropped
ORDER BY 1, 3, 4, 5
"""
# On the database, its schema and its functions, and what new objects will be given.
_PRIVILEGES = """
SELECT 'database' AS object, coalesce(r.rolname, 'PUBLIC') AS grantee, a.privilege_type AS privilege
FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE d.datname = current_database() AND a.grantee <> d.datdba
UNION ALL
SELECT 'schema public', coalesce(r.rolname, 'PUBLIC'), a.privilege_type
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE n.nspname = 'public' AND a.grantee <> n.nspowner
UNION ALL
SELECT 'new objects of ' || o.rolname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type
FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole
CROSS JOIN LATERAL aclexplode(d.defaclacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> d.defaclrole ORDER BY 1, 2, 3
"""
# Whose new functions are not for everybody.
_CLOSED = """
SELECT pg_get_userbyid(d.defaclrole) AS role FROM pg_default_acl d
WHERE d.defaclobjtype = 'f' AND d.defaclnamespace = 0
  AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0) ORDER BY 1
"""
_KEYS = """
SELECT c.relname AS table, k.conname AS name, k.contype::text AS type,
  (SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest(k.conkey) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns,
  f.relname AS referenced,
  (SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest(k.confkey) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS referenced_columns,
  k.convalidated AS validated, k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update,
  (SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest(coalesce(k.confdelsetcols, k.conkey)) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS set_on_delete,
  (SELECT bool_or(NOT a.attnotnull) FROM pg_attribute a
    WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS optional
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE n.nspname = 'public' AND k.contype IN ('p', 'u', 'f') ORDER BY 1, 2
"""
_INDEXES = """
SELECT t.relname AS table, c.relname AS name, i.indisunique AS unique,
  i.indexprs IS NOT NULL AS expressions,
  (SELECT array_agg(DISTINCT o.opcname::text)
    FROM unnest(i.indclass::oid[]) AS u (class) JOIN pg_opclass o ON o.oid = u.class
    JOIN pg_amop m ON m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype
      AND m.amoprighttype = o.opcintype
    JOIN pg_operator p ON p.oid = m.amopopr JOIN pg_proc f ON f.oid = p.oprcode
    WHERE NOT f.proleakproof) AS leaking,
  (SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) AS first
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = 'public' ORDER BY 1, 2
"""
_TRIGGERS = """
SELECT c.relname AS table, t.tgname AS name, t.tgenabled::text AS enabled,
  pg_get_triggerdef(t.oid) AS definition
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' ORDER BY 1, 2
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, p.prokind::text AS kind,
  pg_get_userbyid(p.proowner) AS owner, p.prosecdef AS definer, p.provolatile::text AS volatility,
  p.proleakproof AS leakproof, coalesce(p.proconfig, '{}') AS settings, md5(p.prosrc) AS source,
  (SELECT array_agg(coalesce(r.rolname, 'PUBLIC')::text ORDER BY 1)
    FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> p.proowner) AS callers
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
_ROLES = """
SELECT r.rolname AS name, r.rolcanlogin AS login, r.rolsuper AS superuser,
  r.rolbypassrls AS bypassrls, r.rolcreaterole AS createrole, r.rolcreatedb AS createdb,
  r.rolreplication AS replication, r.rolinherit AS inherit,
  (SELECT array_agg(g.rolname::text ORDER BY 1) FROM pg_auth_members m
    JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS member_of,
  (SELECT array_agg(g.rolname::text ORDER BY 1) FROM pg_auth_members m
    JOIN pg_roles g ON g.oid = m.member
    WHERE m.roleid = r.oid AND NOT g.rolsuper AND NOT g.rolcreaterole) AS members,
  has_schema_privilege(r.oid, 'public', 'CREATE') AS creates,
  has_database_privilege(r.oid, current_database(), 'TEMP') AS temporary,
  has_database_privilege(r.oid, current_database(), 'CREATE') AS schemas,
  has_function_privilege(r.oid, 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE')
    AS set_config,
  has_language_privilege(r.oid, 'plpgsql', 'USAGE') AS plpgsql,
  (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid) AS owned
FROM pg_roles r WHERE r.rolname LIKE $1 ORDER BY 1
"""
_ROLE_SETTINGS = """
SELECT coalesce(r.rolname, 'every role') AS role, unnest(s.setconfig) AS setting
FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE (d.datname = current_database() OR s.setdatabase = 0) AND (s.setrole = 0 OR r.rolname LIKE $1)
ORDER BY 1, 2
"""
_STRAYS = """
SELECT 'schema ' || nspname AS name FROM pg_namespace
WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('public', 'information_schema')
UNION ALL SELECT 'rule ' || rulename || ' on ' || tablename FROM pg_rules
WHERE schemaname = 'public'
UNION ALL SELECT 'extension ' || extname FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
UNION ALL SELECT 'foreign server ' || srvname FROM pg_foreign_server
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'operator ' || o.oid::regoperator FROM pg_operator o
JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE n.nspname <> 'pg_catalog'
UNION ALL SELECT 'language ' || lanname FROM pg_language
WHERE lanname NOT IN ('internal', 'c', 'sql', 'plpgsql') ORDER BY 1
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """What the catalogue of one database says, as plain values. `database` prefixes its roles."""

    database: str
    version: int
    tables: list[Row] = field(default_factory=list)
    columns: list[Row] = field(default_factory=list)
    policies: list[Row] = field(default_factory=list)
    policy_functions: list[Row] = field(default_factory=list)
    grants: list[Row] = field(default_factory=list)
    privileges: list[Row] = field(default_factory=list)
    closed: list[Row] = field(default_factory=list)
    keys: list[Row] = field(default_factory=list)
    indexes: list[Row] = field(default_factory=list)
    triggers: list[Row] = field(default_factory=list)
    functions: list[Row] = field(default_factory=list)
    roles: list[Row] = field(default_factory=list)
    role_settings: list[Row] = field(default_factory=list)
    strays: list[Row] = field(default_factory=list)

    def role(self, name: str) -> str:
        """The full name of one of the database's roles."""
        return role_name(self.database, name)


_PARTS = {
    "tables": _TABLES,
    "columns": _COLUMNS,
    "policies": _POLICIES,
    "policy_functions": _POLICY_FUNCTIONS,
    "grants": _GRANTS,
    "privileges": _PRIVILEGES,
    "closed": _CLOSED,
    "keys": _KEYS,
    "indexes": _INDEXES,
    "triggers": _TRIGGERS,
    "functions": _FUNCTIONS,
    "strays": _STRAYS,
}


async def read_catalogue(connection: asyncpg.Connection, database: str) -> Catalogue:
    """Read all of it in one snapshot, or in the transaction that is open already."""
    async with _snapshot(connection):
        parts = {
            name: [dict(row) for row in await connection.fetch(sql)] for name, sql in _PARTS.items()
        }
        pattern = f"{database}\\_%"
        for name, sql in (("roles", _ROLES), ("role_settings", _ROLE_SETTINGS)):
            parts[name] = [dict(row) for row in await connection.fetch(sql, pattern)]
        version = await connection.fetchval("SELECT current_setting('server_version_num')::int")
    return Catalogue(database, version, **parts)


@asynccontextmanager
async def _snapshot(connection: asyncpg.Connection) -> AsyncIterator[None]:
    if connection.is_in_transaction():
        yield
    else:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield
