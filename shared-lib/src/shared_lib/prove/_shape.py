"""The shape of tables, as far as rows are made from it: columns, keys, references, checks."""

import re
from dataclasses import dataclass

import asyncpg

_COLUMNS = """
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type,
  a.attnotnull AS required, a.atthasdef AS has_default, a.attgenerated <> '' AS generated
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
_REFERENCES = """
SELECT c.relname AS table, f.relname AS referenced,
  (SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest(k.conkey) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns,
  (SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest(k.confkey) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS referenced_columns
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND k.contype = 'f' ORDER BY c.relname, k.conname
"""
_KEYS = """
SELECT t.relname AS table, c.relname AS name, i.indisprimary AS primary,
  (SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND i.indisunique ORDER BY t.relname, i.indisprimary DESC, c.relname
"""
_CHECKS = """
SELECT c.relname AS table, pg_get_constraintdef(k.oid) AS condition
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND k.contype = 'c' ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Column:
    """`required`: NOT NULL, and nobody else gives it a value. `allowed`: the first value that a
    CHECK lists.
    """

    name: str
    type: str
    required: bool
    generated: bool
    allowed: str | None


@dataclass(frozen=True)
class Reference:
    """A foreign key; `columns` refer to `referenced_columns`, in order."""

    columns: tuple[str, ...]
    table: str
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True)
class Key:
    """A unique index."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """One table. Its primary key is the first of `keys`."""

    columns: dict[str, Column]
    references: tuple[Reference, ...]
    keys: tuple[Key, ...]

    @property
    def primary(self) -> tuple[str, ...]:
        """The columns of the primary key, else every column."""
        return self.keys[0].columns if self.keys else tuple(self.columns)


async def read_shapes(connection: asyncpg.Connection) -> dict[str, Shape]:
    """Every table of the database."""
    columns = await connection.fetch(_COLUMNS)
    references = await connection.fetch(_REFERENCES)
    keys = await connection.fetch(_KEYS)
    checks = await connection.fetch(_CHECKS)
    conditions: dict[str, list[str]] = {}
    for row in checks:
        conditions.setdefault(row["table"], []).append(row["condition"])
    return {
        table: Shape(
            {
                row["name"]: _column(row, conditions.get(table, []))
                for row in columns
                if row["table"] == table
            },
            tuple(
                Reference(
                    tuple(row["columns"]), row["referenced"], tuple(row["referenced_columns"])
                )
                for row in references
                if row["table"] == table
            ),
            tuple(
                Key(row["name"], tuple(row["columns"] or ()))
                for row in keys
                if row["table"] == table
            ),
        )
        for table in dict.fromkeys(row["table"] for row in columns)
    }


def _column(row: asyncpg.Record, conditions: list[str]) -> Column:
    return Column(
        row["name"],
        row["type"],
        required=row["required"] and not row["has_default"],
        generated=row["generated"],
        allowed=_first_allowed(row["name"], conditions),
    )


def _first_allowed(column: str, conditions: list[str]) -> str | None:
    """The first value in `column IN (…)`, as PostgreSQL writes that back."""
    listed = re.compile(rf"^CHECK \(\(+{re.escape(column)} = (?:ANY \(+ARRAY\[)?'((?:[^']|'')*)'")
    for condition in conditions:
        if found := listed.match(condition):
            return found[1].replace("''", "'")
    return None
