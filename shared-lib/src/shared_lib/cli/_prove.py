"""`phasezero prove`: the system taken apart, over SQL and HTTP."""

import asyncio
from typing import Annotated

import typer

from shared_lib.cli._checks import exit_status, print_checks
from shared_lib.cli._prove_settings import ProveSettings
from shared_lib.cli._prove_work import Addresses, Section, accepted, take_apart
from shared_lib.cli._settings import AsJson, EnvFile, load_settings

__all__ = ["app"]

app = typer.Typer(help="Prove that organizations are kept apart.")

_Sections = Annotated[
    list[Section] | None,
    typer.Option("--section", help="Look at this only; repeatable.", show_default=False),
]
_Core = Annotated[str, typer.Option(help="The core's URL.")]
_Identity = Annotated[str, typer.Option(help="The identity service's URL.")]
_Accept = Annotated[
    list[str] | None,
    typer.Option(
        help="A check whose faults you know, as `version` or `catalogue.product.version`;"
        " repeatable. They are told, and do not count.",
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
    accept: _Accept = None,
    as_json: AsJson = False,
) -> None:
    """Take a running installation apart, in development: databases, connections and routes.

    What is tried in the databases is rolled back; the routes are tried as the demo accounts.
    Status 1 when anything does not hold. An installation in use: `phasezero prove live`.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(ProveSettings, env_file)
    found = asyncio.run(take_apart(settings, Addresses(core, identity), section or Section))
    checks = accepted(found, accept or ())
    print_checks(checks, as_json=as_json)
    raise typer.Exit(exit_status(checks))
