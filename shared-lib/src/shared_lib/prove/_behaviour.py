"""What each role can do to another tenant's rows: tried with every verb on every table.

It works in the caller's transaction and changes nothing that outlives its savepoints. The
declarations say whose rows a role is for; the live database answers.
"""

from collections.abc import AsyncIterator, Iterator, Mapping

import asyncpg

from shared_lib.prove._attempts import NOBODY, Actor, Outcome
from shared_lib.prove._case import COMPARED, Case
from shared_lib.prove._declared import declared_in
from shared_lib.prove._exceptions import EXCEPTIONS
from shared_lib.prove._grants import columns_of, grant_faults
from shared_lib.prove._rows import (
    TENANT,
    RowNotMade,
    Values,
    World,
    insert_statement,
    quote,
)
from shared_lib.prove._shape import Key, Shape, read_shapes
from shared_lib.tables import Grant, Kind, role_name

__all__ = ["behaviour_of", "isolated_tables"]

_REFERRED_ROWS_EXIST = "23503"


async def isolated_tables(connection: asyncpg.Connection, database: str) -> list[str]:
    """The tables that somebody's rows are kept apart in, declared or found."""
    shapes = await read_shapes(connection)
    declared = declared_in(database)
    return [
        table
        for table in shapes
        if (declared[table].kind is not Kind.GLOBAL if table in declared else True)
        and table != "alembic_version"
    ]


async def behaviour_of(connection: asyncpg.Connection, database: str, table: str) -> list[str]:
    """Every way in which `table` does otherwise than it is declared; empty when there is none.

    `connection` is a superuser's, inside a transaction; `database` is `identity` or `product`,
    whatever the database of the connection is called. Rows of two throw-away tenants are made
    and undone. Raises RowNotMade when that cannot be, and UndefinedTableError.
    """
    isolation = declared_in(database).get(table)
    if isolation is None:
        return [f"{table} is declared nowhere, so nothing says whose its rows are"]
    shapes = await read_shapes(connection)
    if table not in shapes:
        return [f"{table} is missing"]
    await connection.execute("SAVEPOINT behaviour")
    try:
        roles = tuple(role for role in EXCEPTIONS[database].roles if role != "owner")
        names = {role: role_name(database, role) for role in roles}
        faults = await grant_faults(connection, table, shapes[table], isolation, names)
        if isolation.kind is not Kind.GLOBAL:
            faults += [
                fault async for fault in _row_faults(connection, database, table, shapes, roles)
            ]
    finally:
        await connection.execute("ROLLBACK TO SAVEPOINT behaviour; RELEASE SAVEPOINT behaviour")
    return faults


async def _row_faults(
    connection: asyncpg.Connection,
    database: str,
    table: str,
    shapes: Mapping[str, Shape],
    roles: tuple[str, ...],
) -> AsyncIterator[str]:
    isolation = declared_in(database)[table]
    isolated = frozenset(
        name for name, each in declared_in(database).items() if each.kind is Kind.TENANT
    )
    needed = frozenset(
        COMPARED[each.predicate][0] for each in isolation.policies if each.predicate in COMPARED
    )
    worlds = [World(connection, database, shapes, isolated) for _ in range(2)]
    try:
        own, other = [await world.row(table, needed) for world in worlds]
    except RowNotMade as fault:
        yield str(fault)
        return
    case = Case(database, table, shapes[table], isolation, isolated, own, other)
    for role in roles:
        async for found in _own_faults(connection, case, role):
            yield f"{table}: {role_name(database, role)} {found}"
    for role in (*roles, "owner"):
        async for found in _other_faults(connection, case, role):
            yield f"{table}: {role_name(database, role)} {found}"
    async for found in _reference_faults(connection, case, worlds):
        yield f"{table}: {found}"


async def _own_faults(connection: asyncpg.Connection, case: Case, role: str) -> AsyncIterator[str]:
    """What is granted must work for one's own rows, with exactly the privileges of now."""
    grant = next((each for each in case.isolation.grants if each.role == role), Grant(role))
    actor = Actor(connection, role_name(case.database, role))
    for verb, statement in _granted(case, grant):
        if not case.policies(role, verb):
            continue
        gone = case.removes(case.own)
        prepare = gone if verb == "INSERT" else ""
        outcome = await actor.tries(statement, case.settings, prepare=prepare)
        if verb == "DELETE" and outcome.sqlstate == _REFERRED_ROWS_EXIST:
            continue
        if outcome.rows < 1 or (outcome.rows > 1 and not case.sees_all(role, verb)):
            yield f"cannot {verb} its own row and no other: {outcome}"


def _granted(case: Case, grant: Grant) -> Iterator[tuple[str, str]]:
    """A statement of each verb of which something is granted, about one's own row."""
    shape, table = case.shape, f"public.{case.table}"
    select = columns_of(grant.select, shape)
    if select:
        yield "SELECT", f"SELECT {', '.join(select)} FROM {table}"  # noqa: S608
    if grant.insert:
        insert = columns_of(grant.insert, shape)
        yield "INSERT", insert_statement(case.table, case.given(case.own, insert))
    # Whoever sees every row names the one: nothing else is to be touched.
    named = set(shape.primary) <= set(select) and f" WHERE {case.key(case.own)}"
    if case.sees_all(grant.role, "UPDATE") and not named:
        return
    if grant.update:
        changes = ", ".join(f"{name} = {quote(case.own[name])}" for name in grant.update)
        yield "UPDATE", f"UPDATE {table} SET {changes}{named or ''}"  # noqa: S608
    if grant.delete:
        yield "DELETE", f"DELETE FROM {table}{named or ''}"  # noqa: S608


async def _other_faults(
    connection: asyncpg.Connection, case: Case, role: str
) -> AsyncIterator[str]:
    """Nobody else's row is reached, whatever is granted: the policies alone must hold."""
    name = role_name(case.database, role)
    wide = f"GRANT SELECT, INSERT, UPDATE, DELETE ON public.{case.table} TO {name}"
    actor = Actor(connection, name, before=wide)
    for verb, what, statement, settings, most in _trespasses(case, role):
        if case.sees_all(role, verb):
            continue
        row = case.own if settings is NOBODY else case.other
        prepare = case.removes(row) if verb == "INSERT" else ""
        outcome = await actor.tries(statement, settings, prepare=prepare)
        if not _is_kept_out(outcome, most):
            yield f"could {verb} {what}: {outcome}"
    if case.policies(role, "INSERT") and not case.sees_all(role, "INSERT"):
        async for fault in _conflict_faults(actor, case, case.compared(role, "INSERT")):
            yield fault


def _is_kept_out(outcome: Outcome, most: int) -> bool:
    return outcome.kept_out or (not outcome.sqlstate and outcome.rows <= most)


def _trespasses(case: Case, role: str) -> Iterator[tuple[str, str, str, Mapping[str, str], int]]:
    """Verb, what is tried, the statement, its settings, and how many rows it may reach."""
    table = f"public.{case.table}"
    theirs = case.key(case.other)
    column = next(iter(case.shape.primary))
    asked = case.settings
    mine = {verb: int(bool(case.policies(role, verb))) for verb in ("SELECT", "UPDATE", "DELETE")}
    for what, settings, condition, most in (
        ("another's row", asked, f" WHERE {theirs}", False),
        ("without a condition more than its own row", asked, "", True),
        ("without a tenant", NOBODY, "", False),
    ):
        select = f"SELECT FROM {table}{condition}"
        yield "SELECT", what, select, settings, most and mine["SELECT"]
        # Without a condition nothing is read, so that the policy of UPDATE stands alone.
        value = column if condition else quote(case.own[column])
        update = f"UPDATE {table} SET {column} = {value}{condition}"  # noqa: S608
        yield "UPDATE", what, update, settings, most and mine["UPDATE"]
        delete = f"DELETE FROM {table}{condition}"  # noqa: S608
        yield "DELETE", what, delete, settings, most and mine["DELETE"]
    insert = insert_statement(case.table, case.given(case.other))
    yield "INSERT", "a row of another", insert, asked, 0
    mine_again = insert_statement(case.table, case.given(case.own))
    yield "INSERT", "a row without a tenant", mine_again, NOBODY, 0
    for compared in sorted(case.compared(role, "UPDATE") or {case.shape.primary[0]}):
        move = f"UPDATE {table} SET {compared} = {quote(case.other[compared])}"  # noqa: S608
        yield "UPDATE", f"its own row so that it is another's by {compared}", move, asked, 0


async def _conflict_faults(
    actor: Actor, case: Case, compared: frozenset[str]
) -> AsyncIterator[str]:
    """ON CONFLICT must not tell, or touch, what another tenant's row has taken."""
    gone = case.removes(case.own)
    for key in case.shape.keys:
        taken = _taken(case, key, compared)
        if not taken:
            continue
        insert = insert_statement(case.table, case.given({**case.own, **taken}))
        outcome = await actor.tries(f"{insert} ON CONFLICT DO NOTHING", case.settings, prepare=gone)
        if outcome.rows != 1:
            yield f"learns by ON CONFLICT what another has taken in {key.name}: {outcome}"
    insert = insert_statement(case.table, case.given(case.other))
    primary = ", ".join(case.shape.primary)
    column = case.shape.primary[0]
    update = f"{insert} ON CONFLICT ({primary}) DO UPDATE SET {column} = EXCLUDED.{column}"
    outcome = await actor.tries(update, case.settings)
    if not outcome.kept_out:
        yield f"could UPDATE another's row by ON CONFLICT: {outcome}"


def _taken(case: Case, key: Key, compared: frozenset[str]) -> Values:
    """The other's values in `key`, but for whose the row is and what of his it refers to."""
    if key.name in EXCEPTIONS[case.database].keys:
        return {}
    referring = {
        name
        for each in case.shape.references
        if each.table in case.isolated
        for name in each.columns
    }
    kept = compared | referring | {TENANT}
    return {name: case.other[name] for name in key.columns if name not in kept}


async def _reference_faults(
    connection: asyncpg.Connection, case: Case, worlds: list[World]
) -> AsyncIterator[str]:
    """The check of a foreign key sees every row: the key itself must carry the tenant."""
    administrator = Actor(connection, "NONE")
    for reference in case.shape.references:
        foreign = [name for name in reference.columns if name != TENANT]
        if reference.table not in case.isolated or not foreign:
            continue
        pairs = zip(reference.columns, reference.referenced_columns, strict=True)
        theirs = worlds[1].rows[reference.table]
        pointed = {ours: theirs[column] for ours, column in pairs if ours != TENANT}
        gone = case.removes(case.own)
        insert = insert_statement(case.table, case.given({**case.own, **pointed}))
        outcome = await administrator.tries(insert, case.settings, prepare=gone)
        if outcome.sqlstate != _REFERRED_ROWS_EXIST:
            yield f"refers to another tenant's row of {reference.table}: {outcome}"
