"""The sections of `prove` that work on databases, as checks."""

from collections.abc import AsyncIterator, Callable, Sequence

import asyncpg

from shared_lib.checks import Check
from shared_lib.postgres import driver_url
from shared_lib.prove._behaviour import behaviour_of
from shared_lib.prove._catalogue import read_catalogue
from shared_lib.prove._connections import CONNECTION_CHECKS, Pool, open_pool
from shared_lib.prove._declared import declared_in, keys_declared_in
from shared_lib.prove._rules import RULES
from shared_lib.tables import Kind, Predicate, declaration_faults, key_faults

__all__ = ["CONNECT_FAILURES", "check_behaviour", "check_catalogue", "check_connections"]

CONNECT_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_CONNECT_SECONDS = 10


async def check_catalogue(url: str, database: str) -> Sequence[Check]:
    """Every rule, and the comparison with what is declared. `url` needs CONNECT only.

    Raises CONNECT_FAILURES.
    """
    connection = await asyncpg.connect(driver_url(url), timeout=_CONNECT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            catalogue = await read_catalogue(connection, database)
            differences = await declaration_faults(connection, declared_in(database), database)
            differences += await key_faults(connection, keys_declared_in(database))
    finally:
        await connection.close()
    section = f"catalogue.{database}"
    says = "tables, keys, policies, grants and triggers are what the generator writes today"
    return [
        Check(section, "declarations", says, tuple(differences)),
        *(Check(section, rule.name, rule.says, tuple(rule.check(catalogue))) for rule in RULES),
    ]


async def check_behaviour(url: str, database: str) -> Sequence[Check]:
    """A check for each declared table, tried in one transaction that is rolled back.

    `url` is a superuser's: rows of two tenants are made, and each role is taken on. Raises
    CONNECT_FAILURES.
    """
    section = f"behaviour.{database}"
    connection = await asyncpg.connect(driver_url(url), timeout=_CONNECT_SECONDS)
    try:
        if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = user"):
            reason = "the administrator is no superuser, so he cannot take on the roles"
            return [Check(section, "tables", "every verb on every table", skipped=reason)]
        transaction = connection.transaction()
        await transaction.start()
        try:
            return [
                Check(section, table, _says(database, table), tuple(faults))
                for table in declared_in(database)
                for faults in [await behaviour_of(connection, database, table)]
            ]
        finally:
            await transaction.rollback()
    finally:
        await connection.close()


async def check_connections(administrator_url: str, app_url: str, database: str) -> Sequence[Check]:
    """What a pooled connection of role `app` carries on. Raises CONNECT_FAILURES.

    The administrator only says which organizations there are.
    """
    section = f"connections.{database}"
    administrator = await asyncpg.connect(driver_url(administrator_url), timeout=_CONNECT_SECONDS)
    try:
        async with open_pool(administrator, app_url, database, _read_by_app(database)) as pool:
            return [
                Check(section, name, says, await _faults_of(check, pool))
                for name, (says, check) in CONNECTION_CHECKS.items()
            ]
    except LookupError as error:
        says = "a connection carries nothing to the next organization"
        return [Check(section, "connections", says, skipped=str(error))]
    finally:
        await administrator.close()


async def _faults_of(check: Callable[[Pool], AsyncIterator[str]], pool: Pool) -> tuple[str, ...]:
    """What `check` finds; what a connection was left with may keep it from getting to its end."""
    faults = []
    try:
        async for fault in check(pool):
            faults.append(fault)  # noqa: PERF401  kept when the next step fails
    except Exception as error:  # noqa: BLE001  whatever it is, the check did not hold
        faults.append(f"it did not get to its end: {error!r}")
    return tuple(faults)


def _says(database: str, table: str) -> str:
    if declared_in(database)[table].kind is Kind.GLOBAL:
        return f"{table}: nobody does with it what he was not granted"
    return f"{table}: everybody reaches the rows that are declared to be his, and no other"


def _read_by_app(database: str) -> list[str]:
    """The tables whose rows `app` sees by their tenant."""
    return [
        table
        for table, isolation in declared_in(database).items()
        if any(grant.role == "app" and grant.select for grant in isolation.grants)
        and any(
            policy.role == "app" and policy.predicate is Predicate.TENANT
            for policy in isolation.policies
        )
        and all(
            grant.select is True or "tenant_id" in (grant.select or ())
            for grant in isolation.grants
            if grant.role == "app"
        )
    ]
