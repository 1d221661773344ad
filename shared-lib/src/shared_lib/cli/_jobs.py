"""`phasezero jobs`: what waits for the workers of a service, and what they have given up on."""

import json
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer

from shared_lib.cli._connection import connected, instant
from shared_lib.cli._settings import AsJson, EnvFile, Service, worker_settings

__all__ = ["app"]

app = typer.Typer(help="The jobs of a service.", no_args_is_help=True)

Of = Annotated[Service, typer.Option("--service", help="Whose jobs.")]
JobId = Annotated[UUID, typer.Argument(help="The job, as `phasezero jobs list` shows it.")]

_LIST = """
SELECT id, kind, tenant_id, created_at, run_at, attempts, held_at, failure FROM jobs
WHERE held_at IS NOT NULL OR NOT $1 ORDER BY created_at, id LIMIT $2
"""
_FIND = "SELECT held_at FROM jobs WHERE id = $1"
# Handlers may run twice, so a job that is being done may be done again.
_RETRY = """
UPDATE jobs SET held_at = NULL, run_at = now(),
       attempts = CASE WHEN held_at IS NULL THEN attempts ELSE 0 END
WHERE id = $1
"""
_RETRY_ALL = """
UPDATE jobs SET held_at = NULL, run_at = now(), attempts = 0 WHERE held_at IS NOT NULL
"""
_DISCARD = "DELETE FROM jobs WHERE id = $1 AND held_at IS NOT NULL"


@app.command("list")
def list_jobs(
    service: Of,
    env_file: EnvFile = None,
    *,
    held: Annotated[bool, typer.Option("--held", help="Only those given up on.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """Show jobs that wait, the oldest first. A job that is held waits for you."""
    dsn = worker_settings(service, env_file).dsn
    rows = [_row(each) for each in connected(lambda own: own.fetch(_LIST, held, limit), dsn)]
    if as_json:
        typer.echo(json.dumps({"jobs": rows}, indent=2))
        return
    for row in rows:
        state = "held" if row["held_at"] else f"next try {row['run_at']}"
        failure = f"  {row['failure']}" if row["failure"] else ""
        typer.echo(f"{row['id']}  {row['kind']}  {row['attempts']} attempts  {state}{failure}")
    typer.echo(f"{len(rows)} jobs", err=True)


@app.command("retry")
def retry_jobs(
    service: Of,
    job: Annotated[UUID | None, typer.Argument(help="The job to try now.")] = None,
    env_file: EnvFile = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every job that is held.")] = False,
) -> None:
    """Have a job tried again now, from the first attempt if it was held; or every held one."""
    if every == (job is not None):
        typer.echo("name a job, or say --all", err=True)
        raise typer.Exit(2)
    dsn = worker_settings(service, env_file).dsn
    statement = _RETRY_ALL if job is None else _RETRY
    arguments = [] if job is None else [job]
    number = _number(connected(lambda own: own.execute(statement, *arguments), dsn))
    if job is not None and number == 0:
        typer.echo(f"there is no job {job}: it may be done", err=True)
        raise typer.Exit(1)
    typer.echo(f"{number} jobs are tried again")


@app.command("discard")
def discard_job(service: Of, job: JobId, env_file: EnvFile = None) -> None:
    """Throw away a job that is held, for good. Nothing else is thrown away."""
    dsn = worker_settings(service, env_file).dsn

    async def discard(connection: asyncpg.Connection) -> str:
        if _number(await connection.execute(_DISCARD, job)):
            return ""
        found = await connection.fetchrow(_FIND, job)
        return "it is not held: it is being tried" if found else "there is no such job"

    refusal = connected(discard, dsn)
    if refusal:
        typer.echo(f"{job}: {refusal}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{job} is discarded")


def _row(record: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": str(record["id"]),
        "kind": record["kind"],
        "tenant_id": str(record["tenant_id"]),
        "created_at": instant(record["created_at"]),
        "run_at": instant(record["run_at"]),
        "attempts": record["attempts"],
        "held_at": instant(record["held_at"]),
        "failure": record["failure"],
    }


def _number(status: str) -> int:
    return int(status.rpartition(" ")[2])
