"""`phasezero reconcile`: every fact that crosses between the services is sent again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
import typer

from shared_lib.audit import PLATFORM
from shared_lib.cli._connection import connected
from shared_lib.cli._facts import (
    SEND_EVENT,
    SEND_REVOCATION,
    TELL_MEMBER,
    TELL_TENANT,
    leave_jobs,
    revocation,
)
from shared_lib.cli._settings import AsJson, EnvFile, Service, worker_settings
from shared_lib.clock import utc_now
from shared_lib.tokens import LONGEST_LIFE

__all__ = ["reconcile"]

_BATCH = 1000
_BEFORE_ALL = UUID(int=0)
# A minute more, because clocks may differ. Tokens that are older are dead of age.
_RELEVANT = timedelta(seconds=LONGEST_LIFE + 60)
_ALWAYS = "$4::timestamptz IS NOT NULL"


@dataclass(frozen=True)
class _Source:
    """Rows that are facts, each by its organization and a text that names it there.

    `ended` is the column with the instant of a revocation, `limited` whether it says until when
    issued tokens are dead.
    """

    fact: str
    kind: str
    table: str
    arguments: Callable[[asyncpg.Record], Mapping[str, Any]]
    tenant: str = f"'{PLATFORM}'::uuid"
    subject: str = "id::text"
    ended: str = "NULL::timestamptz"
    where: str = _ALWAYS

    @property
    def query(self) -> str:
        """Reads the next rows behind ($1, $2), $3 at most; $4 is how far back they matter."""
        return f"""
            SELECT * FROM (
                SELECT {self.tenant} AS tenant_id, {self.subject} AS subject,
                       {self.ended} AS ended_at
                FROM {self.table} WHERE {self.where}
            ) facts
            WHERE (tenant_id, subject) > ($1::uuid, $2::text) ORDER BY 1, 2 LIMIT $3
        """  # noqa: S608  constants of this module

    def job_id(self, row: asyncpg.Record) -> UUID:
        """The same for the same fact, so that it waits once."""
        name = f"{self.fact}:{row['tenant_id']}:{row['subject']}"
        return uuid5(NAMESPACE_URL, f"urn:phase-zero:reconcile:{name}")


def _revoked(what: str, *, limited: bool, named: bool = False) -> Callable[..., dict[str, Any]]:
    def arguments(row: asyncpg.Record) -> dict[str, Any]:
        return revocation(
            what,
            row["subject"],
            row["ended_at"],
            not_before=row["ended_at"] if limited else None,
            tenant=row["tenant_id"] if named else None,
        )

    return arguments


def _limited(fact: str, table: str, **columns: Any) -> _Source:
    """Revocations of tokens that were issued until an instant."""
    return _Source(
        fact,
        SEND_REVOCATION,
        table,
        _revoked(fact, limited=True, named=fact == "membership"),
        ended="tokens_not_before",
        where="tokens_not_before > $4",
        **columns,
    )


_FACTS = {
    Service.CORE: (
        _Source(
            "organization",
            TELL_TENANT,
            "organizations",
            lambda _: {},
            tenant="tenant_id",
            subject="tenant_id::text",
        ),
    ),
    Service.IDENTITY: (
        _Source(
            "member",
            TELL_MEMBER,
            "memberships",
            lambda row: {"person_id": row["subject"]},
            tenant="tenant_id",
            subject="person_id::text",
        ),
        _Source(
            "session",
            SEND_REVOCATION,
            "sign_in_sessions",
            _revoked("session", limited=False),
            ended="ended_at",
            where="ended_at > $4",
        ),
        _limited("person", "people"),
        _limited("membership", "memberships", tenant="tenant_id", subject="person_id::text"),
        _limited("service_account", "service_accounts", tenant="tenant_id"),
        # A service account signs in to no session: each of its tokens is one by itself.
        _Source(
            "token",
            SEND_REVOCATION,
            "revoked_tokens",
            _revoked("session", limited=False),
            subject="jti::text",
            ended="revoked_at",
            where="revoked_at > $4",
        ),
        _Source(
            "signing_key",
            SEND_REVOCATION,
            "signing_keys",
            _revoked("signing_key", limited=False),
            subject="kid",
            ended="revoked_at",
            where=f"revoked_at IS NOT NULL AND {_ALWAYS}",
        ),
        _Source(
            "security_event",
            SEND_EVENT,
            "security_events",
            lambda row: {"event_id": row["subject"]},
            tenant="tenant_id",
        ),
    ),
}


def reconcile(env_file: EnvFile = None, as_json: AsJson = False) -> None:  # noqa: FBT002  an option
    """Send every fact again, after a restore: two databases are restored to two moments.

    It leaves jobs for the workers, which must run; whoever is told keeps what is newest. May be
    repeated: a fact that still waits is not sent twice.
    """
    urls = {service: worker_settings(service, env_file).dsn for service in _FACTS}
    left = {
        service.value: connected(dsn, partial(_leave_all, _FACTS[service]))
        for service, dsn in urls.items()
    }
    if as_json:
        typer.echo(json.dumps(left, indent=2))
        return
    for name, counts in left.items():
        for fact, count in counts.items():
            typer.echo(f"{name}: {count} {fact}")


async def _leave_all(
    sources: tuple[_Source, ...], connection: asyncpg.Connection
) -> dict[str, int]:
    return {source.fact: await _leave(connection, source) for source in sources}


async def _leave(connection: asyncpg.Connection, source: _Source) -> int:
    """Leave the jobs of one kind of fact, a batch in a transaction; how many facts there are."""
    tenant, subject = _BEFORE_ALL, ""
    since, found = utc_now() - _RELEVANT, 0
    while rows := await connection.fetch(source.query, tenant, subject, _BATCH, since):
        jobs = [(row["tenant_id"], source.job_id(row), source.arguments(row)) for row in rows]
        async with connection.transaction():
            await leave_jobs(connection, source.kind, jobs)
        tenant, subject = rows[-1]["tenant_id"], rows[-1]["subject"]
        found += len(rows)
    return found
