"""Whether each role may do with a table what is declared, and nothing else."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import asyncpg

from shared_lib.prove._attempts import Actor
from shared_lib.prove._shape import Shape
from shared_lib.tables import Grant, Isolation

_PRIVILEGES = """
SELECT a.attname AS column, p.privilege,
  has_column_privilege($1::text, a.attrelid, a.attnum, p.privilege) AS held
FROM pg_attribute a CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS p (privilege)
WHERE a.attrelid = $2::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum, p.privilege
"""
_WHOLE = ("DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
_HELD = "SELECT has_table_privilege($1::text, $2::text::regclass, $3)"


def columns_of(given: bool | Iterable[str], shape: Shape) -> tuple[str, ...]:  # noqa: FBT001  a field's value
    """The columns that a field of a Grant stands for."""
    if given is True:
        return tuple(shape.columns)
    return tuple(given or ())


async def grant_faults(
    connection: asyncpg.Connection,
    table: str,
    shape: Shape,
    isolation: Isolation,
    roles: Mapping[str, str],
) -> list[str]:
    """Where the privileges on `table` differ from its declaration.

    `roles` are the declared names, each with the name that it has on the server.
    """
    faults = []
    grants = {grant.role: grant for grant in isolation.grants}
    for name, role in roles.items():
        grant = grants.get(name, Grant(name))
        faults += [
            fault async for fault in _privilege_faults(connection, role, table, shape, grant)
        ]
        actor = Actor(connection, role)
        for verb, statement in _forbidden(table, shape, grant):
            outcome = await actor.tries(statement)
            if outcome.sqlstate != "42501":
                faults.append(f"{table}: {role} was not refused to {verb}: {outcome}")
    return faults


async def _privilege_faults(
    connection: asyncpg.Connection, role: str, table: str, shape: Shape, grant: Grant
) -> AsyncIterator[str]:
    declared = {
        "SELECT": columns_of(grant.select, shape),
        "INSERT": columns_of(grant.insert, shape),
        "UPDATE": grant.update,
    }
    for row in await connection.fetch(_PRIVILEGES, role, f"public.{table}"):
        if row["held"] != (row["column"] in declared[row["privilege"]]):
            yield _said(table, role, f"{row['privilege']} ({row['column']})", held=row["held"])
    for privilege in _WHOLE:
        held = await connection.fetchval(_HELD, role, f"public.{table}", privilege)
        if held != (privilege == "DELETE" and grant.delete):
            yield _said(table, role, privilege, held=held)


def _said(table: str, role: str, privilege: str, *, held: bool) -> str:
    if held:
        return f"{table}: {role} holds {privilege}, which is not declared"
    return f"{table}: {role} lacks {privilege}, which is declared"


def _forbidden(table: str, shape: Shape, grant: Grant) -> Iterator[tuple[str, str]]:
    """Each verb of which nothing is granted, and a statement of it."""
    column = next(name for name, each in shape.columns.items() if not each.generated)
    if not grant.select:
        yield "SELECT", f"SELECT FROM public.{table}"
    if not grant.insert:
        yield "INSERT", f"INSERT INTO public.{table} DEFAULT VALUES"
    if not grant.update:
        yield "UPDATE", f"UPDATE public.{table} SET {column} = DEFAULT"  # noqa: S608
    if not grant.delete:
        yield "DELETE", f"DELETE FROM public.{table}"  # noqa: S608
    yield "TRUNCATE", f"TRUNCATE public.{table} CASCADE"
