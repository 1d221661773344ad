"""pgrls: lints the policies of a database, and proves what they let through."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg

from infra.checkers.findings import Accepted, Finding
from infra.checkers.programs import CheckerError, run
from infra.postgres import roles
from shared_lib.checks import Check

CONFIG: Final = Path(__file__).with_name("pgrls.toml")
MODES: Final = {
    "anon": "without a tenant or a person no row is read",
    "cross-tenant": "no row of another tenant is read",
    "write": "no row of another tenant is written",
}
_PROVED = "isolated"


def lint(database: str, url: str, accepted: Accepted) -> Check:
    """Every rule of `pgrls lint`, hints included, on the tables of a database."""
    outcome = run("pgrls", "lint", *_where(url), "--fail-on", "info")
    findings = [
        Finding(each["rule_id"], each["location"], each["title"])
        for each in json.loads(outcome.output)["violations"]
    ]
    tables, policies = asyncio.run(_counted(url))
    name = f"pgrls.lint.{database}"
    return Check(
        section="pgrls",
        name=name,
        says=f"lint of {database}: {tables} tables, {policies} policies, {len(findings)} findings, "
        "each accepted",
        faults=(*accepted.faults(name, findings), *_nothing(policies, "policies")),
    )


def verify(database: str, url: str, mode: str, accepted: Accepted) -> Check:
    """What Z3 proves of each policy in one of the MODES; what it cannot is a finding."""
    outcome = run("pgrls", "verify", *_where(url), "--mode", mode, "--strict")
    verdicts = list(_verdicts(json.loads(outcome.output)["tables"]))
    findings = [each for each in verdicts if each.rule != _PROVED]
    proved = len(verdicts) - len(findings)
    name = f"pgrls.verify.{mode}.{database}"
    return Check(
        section="pgrls",
        name=name,
        says=f"verify {mode} of {database}: {MODES[mode]}: {proved} of {len(verdicts)} policies "
        "proved, the others accepted",
        faults=(*accepted.faults(name, findings), *_nothing(proved, "proofs")),
    )


def forget_defaults(url: str) -> None:
    """Take from the roles of this server the empty settings that they log in with.

    pgrls takes '' for a tenant like any other and does not know that its cast to uuid raises. So
    it proves the case in which nothing was ever set; that '' raises is shown by our own tests.
    """
    asyncio.run(_forget_defaults(url))


def check(database: str, url: str, accepted: Accepted) -> Iterator[Check]:
    """Lint and the three proofs, of a server that is thrown away."""
    yield lint(database, url, accepted)
    forget_defaults(url)
    for mode in MODES:
        yield verify(database, url, mode, accepted)


def _where(url: str) -> tuple[str, ...]:
    return (
        "--database-url",
        url,
        "--config",
        str(CONFIG),
        "--schemas",
        "public",
        "--format",
        "json",
    )


def _verdicts(tables: list[dict[str, Any]]) -> Iterator[Finding]:
    for table in tables:
        if table["verdict"] != _PROVED and not table["policies"]:
            yield Finding(table["verdict"], table["table"], table["note"] or "the table itself")
        for policy in table["policies"]:
            place = f"{table['table']}.{policy['policy']}"
            why = policy["reason"] or f"a row that gets through: {policy['witness']}"
            yield Finding(policy["verdict"], place, why)


def _nothing(count: int, what: str) -> tuple[str, ...]:
    return () if count else (f"it looked at nothing: no {what}",)


async def _counted(url: str) -> tuple[int, int]:
    connection = await _connected(url)
    try:
        return (
            await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
            await connection.fetchval("SELECT count(*) FROM pg_policies"),
        )
    finally:
        await connection.close()


async def _forget_defaults(url: str) -> None:
    connection = await _connected(url)
    try:
        known = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for prefix in roles.DATABASES:
            for role in known.intersection(roles.all_roles(prefix)):
                for setting in roles.CONTEXT:
                    await connection.execute(
                        f'ALTER ROLE {roles.identifier(role)} RESET "{setting}"'
                    )
    finally:
        await connection.close()


async def _connected(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise CheckerError(f"pgrls has no database: {error}") from error
