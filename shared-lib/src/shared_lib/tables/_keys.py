"""Compares the keys of a live database with the declared ones."""

from collections.abc import Iterator

import asyncpg
from sqlalchemy import ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint

# The columns of a key, in the order in which it names them.
_COLUMNS = """
  (SELECT string_agg(a.attname, ', ' ORDER BY u.position)
    FROM unnest({numbers}) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number)"""
_KEYS = f"""
SELECT c.relname AS table,
  CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END AS kind,
  {_COLUMNS.format(numbers="k.conkey", table="k.conrelid")} AS columns,
  f.relname AS referenced,
  {_COLUMNS.format(numbers="k.confkey", table="k.confrelid")} AS referenced_columns
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE n.nspname = 'public' AND k.contype IN ('p', 'u', 'f') AND k.convalidated
UNION ALL
SELECT t.relname, 'UNIQUE INDEX ' || c.relname,
  {_COLUMNS.format(numbers="i.indkey::int2[]", table="i.indrelid")}, NULL, NULL
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND i.indisunique AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
"""  # noqa: S608  nothing but names of columns of the catalogue
_UNDECLARED_ON_PURPOSE = frozenset({"alembic_version"})


def declared_keys(metadata: MetaData) -> frozenset[str]:
    """Every primary, unique and foreign key that is declared, as text."""
    return frozenset(key for table in metadata.sorted_tables for key in _declared(table))


async def key_faults(connection: asyncpg.Connection, declared: frozenset[str]) -> list[str]:
    """Every key that is `declared` or there, but not both."""
    live = {
        _key(
            row["table"], row["kind"], row["columns"], row["referenced"], row["referenced_columns"]
        )
        for row in await connection.fetch(_KEYS)
        if row["table"] not in _UNDECLARED_ON_PURPOSE
    }
    faults = [f"key {key} is missing" for key in sorted(declared - live)]
    faults += [f"key {key} is not declared" for key in sorted(live - declared)]
    return faults


def _declared(table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        columns = ", ".join(column.name for column in getattr(constraint, "columns", ()))
        if isinstance(constraint, ForeignKeyConstraint):
            others = ", ".join(element.column.name for element in constraint.elements)
            referenced = constraint.referred_table.name
            yield _key(table.name, "FOREIGN KEY", columns, referenced, others)
        elif isinstance(constraint, PrimaryKeyConstraint):
            yield _key(table.name, "PRIMARY KEY", columns)
        elif isinstance(constraint, UniqueConstraint):
            yield _key(table.name, "UNIQUE", columns)
    for index in table.indexes:
        if index.unique:
            columns = ", ".join(column.name for column in index.columns)
            yield _key(table.name, f"UNIQUE INDEX {index.name}", columns)


def _key(
    table: str,
    kind: str,
    columns: str,
    referenced: str | None = None,
    referenced_columns: str | None = None,
) -> str:
    refers = f" REFERENCES {referenced} ({referenced_columns})" if referenced else ""
    return f"{kind} ({columns}) of {table}{refers}"
