"""The mutations of a database, read from its catalogue: whatever stands between organizations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations

import asyncpg

from shared_lib.prove import Catalogue, read_catalogue

__all__ = ["DatabaseMutation", "catalogue_mutations"]

_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_NEVER = ("TRUNCATE", "REFERENCES", "TRIGGER")
_BY_COLUMN = ("SELECT", "INSERT", "UPDATE")
_ATTRIBUTES = ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB", "REPLICATION")
_ALEMBIC = "alembic_version"
_COLUMNS = """
SELECT c.relname AS table, a.attname AS name, a.attnotnull AS required
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, a.attnum
"""
_PARTIAL = """
SELECT t.relname AS table, c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND i.indisunique
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1, 2
"""


@dataclass(frozen=True)
class DatabaseMutation:
    """Statements that take one protection away. `table` is the one whose behaviour changes, empty
    where none in particular. What `before` alone makes the checks say does not count.
    """

    kind: str
    table: str
    sql: str
    before: str = ""

    @property
    def what(self) -> str:
        """The statement, in one line."""
        return " ".join(self.sql.split())


async def catalogue_mutations(
    connection: asyncpg.Connection, database: str
) -> list[DatabaseMutation]:
    """Every mutation of the database that `connection` looks at; `database` prefixes its roles."""
    catalogue = await read_catalogue(connection, database)
    columns: dict[str, list[str]] = {}
    required: set[tuple[str, str]] = set()
    for row in await connection.fetch(_COLUMNS):
        columns.setdefault(row["table"], []).append(row["name"])
        if row["required"]:
            required.add((row["table"], row["name"]))
    roles = [role["name"] for role in catalogue.roles if role["name"] != catalogue.role("owner")]
    return [
        *_policies(catalogue),
        *_force(catalogue),
        *_keys(catalogue, required),
        *_unique_indexes(await connection.fetch(_PARTIAL)),
        *_foreign_keys(catalogue),
        *_table_grants(catalogue, columns, roles),
        *_grants_to_all(catalogue, columns),
        *_other_grants(catalogue),
        *_roles(catalogue),
        *_functions(catalogue),
        *_triggers(catalogue),
    ]


def _policies(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    for policy in catalogue.policies:
        table, name = policy["table"], policy["name"]
        alter = f"ALTER POLICY {name} ON {table}"
        yield DatabaseMutation("policy", table, f"DROP POLICY {name} ON {table}")
        yield DatabaseMutation("policy", table, f"{alter} TO PUBLIC")
        if policy["using"] not in (None, "true"):
            yield DatabaseMutation("policy", table, f"{alter} USING (true)")
        if policy["check"] not in (None, "true"):
            yield DatabaseMutation("policy", table, f"{alter} WITH CHECK (true)")
    yield from _open_policies(catalogue)


def _open_policies(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    """A second policy by which a role that reaches some rows reaches all of them."""
    guarded = {table["name"] for table in catalogue.tables if table["enabled"]}
    open_already = {
        (policy["table"], policy["roles"][0])
        for policy in catalogue.policies
        if policy["using"] == "true" and policy["cmd"] == "ALL"
    }
    for table, role in sorted({(each["relation"], each["grantee"]) for each in catalogue.grants}):
        if table in guarded and (table, role) not in open_already:
            sql = f"CREATE POLICY opened ON {table} TO {role} USING (true) WITH CHECK (true)"
            yield DatabaseMutation("policy", table, sql)


def _force(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    for table in catalogue.tables:
        for verb, present in (("NO FORCE", table["forced"]), ("DISABLE", table["enabled"])):
            if present:
                sql = f"ALTER TABLE {table['name']} {verb} ROW LEVEL SECURITY"
                yield DatabaseMutation("force", table["name"], sql)


def _keys(catalogue: Catalogue, required: set[tuple[str, str]]) -> Iterator[DatabaseMutation]:
    """Each key of an organization's table, without the organization, and without being there."""
    keyed = set()
    for key in catalogue.keys:
        if key["type"] == "f" or "tenant_id" not in key["columns"]:
            continue
        keyed |= {(key["table"], "tenant_id")} if key["type"] == "p" else set()
        table, name = key["table"], key["name"]
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE"
        others = ", ".join(column for column in key["columns"] if column != "tenant_id")
        if others:
            kind = "PRIMARY KEY" if key["type"] == "p" else "UNIQUE"
            add = f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} ({others})"
            yield DatabaseMutation("key", table, f"{drop}; {add}")
        yield DatabaseMutation("key", table, drop)
    for table, column in sorted(required - keyed):
        if column == "tenant_id":
            sql = f"ALTER TABLE {table} ALTER COLUMN tenant_id DROP NOT NULL"
            yield DatabaseMutation("key", table, sql)


def _unique_indexes(rows: Iterable[asyncpg.Record]) -> Iterator[DatabaseMutation]:
    for row in rows:
        drop = f"DROP INDEX {row['name']}"
        yield DatabaseMutation("key", row["table"], drop)
        if "(tenant_id, " in row["definition"]:
            across = row["definition"].replace("(tenant_id, ", "(", 1)
            yield DatabaseMutation("key", row["table"], f"{drop}; {across}")


def _foreign_keys(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    for key in catalogue.keys:
        if key["type"] != "f":
            continue
        table, name = key["table"], key["name"]
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        yield DatabaseMutation("key", table, drop)
        pairs = list(zip(key["columns"], key["referenced_columns"], strict=True))
        kept = [(ours, theirs) for ours, theirs in pairs if theirs != "tenant_id"]
        if kept and len(kept) < len(pairs):
            ours, theirs = (", ".join(side) for side in zip(*kept, strict=True))
            reference = f"{key['referenced']} ({theirs})"
            add = f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({ours})"
            yield DatabaseMutation(
                "key",
                table,
                f"{drop}; {add} REFERENCES {reference}",
                # Without it PostgreSQL takes no such reference.
                before=f"ALTER TABLE {key['referenced']} ADD UNIQUE ({theirs})",
            )


def _table_grants(
    catalogue: Catalogue, columns: dict[str, list[str]], roles: list[str]
) -> Iterator[DatabaseMutation]:
    """Every privilege that a role does not have: whole where it has none, by column elsewhere."""
    held = {
        (each["relation"], each["grantee"], each["privilege"], each["column"])
        for each in catalogue.grants
    }
    for table, names in columns.items():
        for role in roles:
            for verb in (*_VERBS, *_NEVER):
                if (table, role, verb, None) not in held:
                    yield DatabaseMutation("grant", table, f"GRANT {verb} ON {table} TO {role}")
            for verb in _BY_COLUMN:
                if (table, role, verb, None) in held:
                    continue
                for name in names:
                    if (table, role, verb, name) not in held:
                        sql = f"GRANT {verb} ({name}) ON {table} TO {role}"
                        yield DatabaseMutation("grant", table, sql)


def _grants_to_all(
    catalogue: Catalogue, columns: dict[str, list[str]]
) -> Iterator[DatabaseMutation]:
    for table in columns:
        for verb in (*_VERBS, *_NEVER):
            yield DatabaseMutation("grant", table, f"GRANT {verb} ON {table} TO PUBLIC")
    for each in catalogue.grants:
        column = f" ({each['column']})" if each["column"] else ""
        grant = f"GRANT {each['privilege']}{column} ON {each['relation']} TO {each['grantee']}"
        yield DatabaseMutation("grant", each["relation"], f"{grant} WITH GRANT OPTION")


def _other_grants(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    """What a role may do beside reading and writing tables."""
    for role in catalogue.roles:
        name = role["name"]
        if name in (catalogue.role("owner"), catalogue.role("definer")):
            continue  # no request and no job runs as these; their functions are what they are
        for wanting, present in (
            ("EXECUTE ON FUNCTION set_config", role["set_config"]),
            ("USAGE ON LANGUAGE plpgsql", role["plpgsql"]),
            ("CREATE ON SCHEMA public", role["creates"]),
        ):
            if not present:
                yield DatabaseMutation("grant", "", f"GRANT {wanting} TO {name}")
        for privilege, present in (("TEMP", role["temporary"]), ("CREATE", role["schemas"])):
            if not present:
                sql = f"GRANT {privilege} ON DATABASE {{database}} TO {name}"
                yield DatabaseMutation("grant", "", sql)


def _roles(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    names = [role["name"] for role in catalogue.roles]
    for role in catalogue.roles:
        for attribute in _ATTRIBUTES:
            yield DatabaseMutation("role", "", f"ALTER ROLE {role['name']} {attribute}")
        if not role["login"]:
            yield DatabaseMutation("role", "", f"ALTER ROLE {role['name']} LOGIN")
    for one, other in permutations(names, 2):
        yield DatabaseMutation("role", "", f"GRANT {one} TO {other}")
    for table in catalogue.tables:
        for name in names:
            if name != table["owner"]:
                sql = f"ALTER TABLE {table['name']} OWNER TO {name}"
                yield DatabaseMutation("role", table["name"], sql)


def _functions(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    owner = catalogue.role("owner")
    roles = [role["name"] for role in catalogue.roles if role["name"] != owner] + ["PUBLIC"]
    for function in catalogue.functions:
        routine = f"ROUTINE {function['name']}"
        turned = "INVOKER" if function["definer"] else "DEFINER"
        yield DatabaseMutation("function", "", f"ALTER {routine} SECURITY {turned}")
        if function["definer"]:
            yield DatabaseMutation("function", "", f"ALTER {routine} RESET search_path")
            for path in ("public", "public, pg_catalog", "pg_catalog"):
                sql = f"ALTER {routine} SET search_path = {path}"
                yield DatabaseMutation("function", "", sql)
            for setting in function["settings"]:
                name = setting.partition("=")[0]
                if name != "search_path":
                    yield DatabaseMutation("function", "", f"ALTER {routine} RESET {name}")
        if function["owner"] != owner:
            yield DatabaseMutation("function", "", f"ALTER {routine} OWNER TO {owner}")
        # The others do what their caller may do anyway.
        for role in roles if function["definer"] else ():
            if role not in (function["callers"] or []) and role != function["owner"]:
                yield DatabaseMutation("grant", "", f"GRANT EXECUTE ON {routine} TO {role}")


def _triggers(catalogue: Catalogue) -> Iterator[DatabaseMutation]:
    for table in sorted({trigger["table"] for trigger in catalogue.triggers}):
        yield DatabaseMutation("trigger", table, f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for trigger in catalogue.triggers:
        table, name = trigger["table"], trigger["name"]
        if name.startswith("RI_ConstraintTrigger"):
            continue  # a foreign key's, and gone with it
        yield DatabaseMutation("trigger", table, f"DROP TRIGGER {name} ON {table}")
        for verb in ("DISABLE", "ENABLE REPLICA"):
            sql = f"ALTER TABLE {table} {verb} TRIGGER {name}"
            yield DatabaseMutation("trigger", table, sql)
