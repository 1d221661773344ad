"""Rows of throw-away tenants, made from the shape of the tables alone, parents first."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg

from shared_lib.prove._shape import Column, Reference, Shape

Values = dict[str, str | None]

TENANT = "tenant_id"

# Where a CHECK says more than a list of values, and the value that satisfies it.
RECIPES: Mapping[tuple[str, str, str], str] = {
    ("product", "support_sessions", "reason"): "Made by phasezero prove, rolled back",
}
_BY_TYPE: Mapping[str, Callable[[], str]] = {
    "uuid": lambda: str(uuid4()),
    "text": lambda: f"prove-{uuid4().hex}",
    "character varying": lambda: f"prove-{uuid4().hex}",
    "timestamp with time zone": lambda: "now",
    "date": lambda: "today",
    "interval": lambda: "1 hour",
    "boolean": lambda: "true",
    "smallint": lambda: "1",
    "integer": lambda: "1",
    "bigint": lambda: "1",
    "double precision": lambda: "1",
    "numeric": lambda: "1",
    "bytea": lambda: "\\x" + secrets.token_hex(32),
    "jsonb": lambda: "{}",
    "json": lambda: "{}",
    "inet": lambda: "127.0.0.1",
}


class RowNotMade(Exception):
    """No row of a table could be made; the message says what the server said."""


def quote(value: str | None) -> str:
    """`value` as an SQL literal of whatever type its place asks for."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def insert_statement(table: str, values: Mapping[str, str | None]) -> str:
    """INSERT of one row."""
    columns = ", ".join(values)
    given = ", ".join(map(quote, values.values()))
    return f"INSERT INTO public.{table} ({columns}) VALUES ({given})"  # noqa: S608  quoted above


def where(values: Mapping[str, str | None]) -> str:
    """The condition of exactly these values."""
    return " AND ".join(f"{name} IS NOT DISTINCT FROM {quote(v)}" for name, v in values.items())


@dataclass
class World:
    """The rows of one throw-away tenant: at most one in each table.

    `isolated` are the tables with a tenant of their own; `needed` are columns that may be NULL
    and get a value all the same, because policies read them.
    """

    connection: asyncpg.Connection
    database: str
    shapes: Mapping[str, Shape]
    isolated: frozenset[str]
    tenant: str = field(default_factory=lambda: str(uuid4()))
    rows: dict[str, Values] = field(default_factory=dict)

    async def row(self, table: str, needed: frozenset[str] = frozenset()) -> Values:
        """The row of `table`, made with everything that it refers to. Raises RowNotMade."""
        if table not in self.rows:
            tenant: Values = {TENANT: self.tenant} if TENANT in self.shapes[table].columns else {}
            await self._make(table, tenant, needed)
        return self.rows[table]

    async def _make(self, table: str, given: Values, needed: frozenset[str]) -> Values:
        shape = self.shapes[table]
        values = dict(given)
        for reference in shape.references:
            if self._is_followed(shape, reference) and reference.table != table:
                values.update(await self._referred_to(reference, values))
        for column in shape.columns.values():
            wanted = column.required or column.name in needed
            if wanted and not column.generated and column.name not in values:
                values[column.name] = self._value(table, column)
        self.rows[table] = await self._insert(table, values)
        return self.rows[table]

    def _is_followed(self, shape: Shape, reference: Reference) -> bool:
        """Whether the row must, or should, refer to a row: optional ones between tenants' tables
        are what a foreign key to another tenant is tried with.
        """
        required = all(shape.columns[name].required for name in reference.columns)
        return required or reference.table in self.isolated

    async def _referred_to(self, reference: Reference, values: Values) -> Values:
        """What the columns of `reference` must hold."""
        pairs = tuple(zip(reference.columns, reference.referenced_columns, strict=True))
        parent = self.rows.get(reference.table)
        if parent is None:
            given = {theirs: values[ours] for ours, theirs in pairs if ours in values}
            tenant = self.shapes[reference.table].columns.get(TENANT)
            if tenant and tenant.required:
                given[TENANT] = self.tenant
            parent = await self._make(reference.table, given, frozenset())
        return {ours: parent[theirs] for ours, theirs in pairs}

    def _value(self, table: str, column: Column) -> str:
        recipe = RECIPES.get((self.database, table, column.name), column.allowed)
        if recipe is not None:
            return recipe
        made = _BY_TYPE.get(column.type)
        if made is None:
            raise RowNotMade(f"{table}.{column.name}: nobody knows a value of {column.type}")
        return made()

    async def _insert(self, table: str, values: Values) -> Values:
        shown = ", ".join(f"{name}::text AS {name}" for name in self.shapes[table].columns)
        try:
            row = await self.connection.fetchrow(
                f"{insert_statement(table, values)} RETURNING {shown}"
            )
        except asyncpg.PostgresError as error:
            raise RowNotMade(
                f"{table}: no row could be made ({error}); a recipe in shared_lib.prove may help"
            ) from error
        return dict(row)
