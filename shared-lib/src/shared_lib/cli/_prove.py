"""`phasezero prove`: the system taken apart, over SQL and HTTP."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from shared_lib.audit import AuditKey
from shared_lib.cli._checks import exit_status, print_checks
from shared_lib.cli._prove_report import signature_of, verify, write_report
from shared_lib.cli._prove_settings import ProveSettings
from shared_lib.cli._prove_work import (
    Addresses,
    Section,
    accepted,
    take_apart,
    take_live_apart,
)
from shared_lib.cli._settings import AsJson, EnvFile, load_settings

__all__ = ["app"]

app = typer.Typer(help="Prove that organizations are kept apart.")
app.command("verify")(verify)

_Sections = Annotated[
    list[Section] | None,
    typer.Option("--section", help="Look at this only; repeatable.", show_default=False),
]
_Core = Annotated[str, typer.Option(help="The core's URL.")]
_Identity = Annotated[str, typer.Option(help="The identity service's URL.")]
_Live = Annotated[
    str | None,
    typer.Option(
        help="The core's URL of an installation in use: only what reads, and a signed report.",
        show_default=False,
    ),
]
_Accept = Annotated[
    list[str] | None,
    typer.Option(
        help="A check whose faults you know, as `version` or `catalogue.product.version`;"
        " repeatable. They are told, and do not count.",
        show_default=False,
    ),
]
_Report = Annotated[
    Path | None,
    typer.Option(
        help="Write a report, signed with AUDIT_SIGNING_KEY; --live writes prove-report.json.",
        dir_okay=False,
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
def prove(
    context: typer.Context,
    env_file: EnvFile = None,
    *,
    section: _Sections = None,
    core: _Core = "http://127.0.0.1:8000",
    identity: _Identity = "http://127.0.0.1:8001",
    live: _Live = None,
    accept: _Accept = None,
    report: _Report = None,
    as_json: AsJson = False,
) -> None:
    """Take a running installation apart, in development: databases, connections and routes.

    What is tried in the databases is rolled back; the routes are tried as the demo accounts.
    Status 1 when anything does not hold.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(ProveSettings, env_file)
    if live:
        report = report or Path("prove-report.json")
    key = None if report is None else _audit_key(settings)
    addresses = Addresses(live or core, identity)
    if live:
        found = asyncio.run(take_live_apart(settings, addresses, section or Section))
    else:
        found = asyncio.run(take_apart(settings, addresses, section or Section))
    checks = accepted(found, accept or ())
    print_checks(checks, as_json=as_json)
    if report is not None and key is not None:
        about = {"live": bool(live), "core": addresses.core, "identity": addresses.identity}
        write_report(report, checks, key, about)
        typer.echo(f"{report}, signed in {signature_of(report)} with the key {key.kid}", err=True)
    raise typer.Exit(exit_status(checks))


def _audit_key(settings: ProveSettings) -> AuditKey:
    """The key that reports are signed with; exits with status 2 without one."""
    if settings.audit_signing_key is None:
        typer.echo("AUDIT_SIGNING_KEY is not set: nobody would sign the report", err=True)
        raise typer.Exit(2)
    try:
        return AuditKey.from_setting(settings.audit_signing_key.get_secret_value())
    except ValueError as error:
        typer.echo(f"AUDIT_SIGNING_KEY {error}", err=True)
        raise typer.Exit(2) from error
