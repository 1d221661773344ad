"""What workers measure and services show: the latest value of each name, in the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Column, DateTime, Float, MetaData, Table, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from shared_lib.tables import Grant, Statement, global_table


@dataclass(frozen=True, slots=True)
class Measurement:
    """The latest value of one name, and how many seconds ago it was measured."""

    name: str
    value: float
    age: float


def measurements_table(metadata: MetaData) -> Table:
    """Declare `measurements`."""
    return Table(
        "measurements",
        metadata,
        Column("name", Text, primary_key=True),
        Column("value", Float, nullable=False),
        Column("measured_at", DateTime(timezone=True), nullable=False),
        info=global_table(
            Grant("worker", select=True, insert=True, update=("value", "measured_at")),
            reason="figures about the installation, about no organization",
        ),
    )


async def measure(connection: asyncpg.Connection, table: Table, name: str, value: float) -> None:
    """Keep `value` as the latest one of `name`."""
    put = _put(table)
    await connection.execute(put.sql, *put.arguments({"name": name, "value": value}))


async def measurements(connection: asyncpg.Connection, table: Table) -> Mapping[str, Measurement]:
    """The latest value of every name."""
    read = _read(table)
    rows = [read.row(record) for record in await connection.fetch(read.sql, *read.arguments({}))]
    return {row.name: row for row in rows}


def _put(table: Table) -> Statement[Any]:
    statement = insert(table).values(
        name=bindparam("name", type_=Text),
        value=bindparam("value", type_=Float),
        measured_at=func.now(),
    )
    new = statement.excluded
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": new.value, "measured_at": new.measured_at}
        )
    )


def _read(table: Table) -> Statement[Measurement]:
    age = func.extract("epoch", func.now() - table.c.measured_at).cast(Float)
    return Statement(select(table.c.name, table.c.value, age), Measurement)
