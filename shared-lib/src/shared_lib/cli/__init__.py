"""`phasezero`: the operator's program. It works over HTTP, SQL and files; it imports no service.

A module per group of commands, each with its typer application, put together here.
"""

import typer

from shared_lib.cli import _jobs, _keys, _prove
from shared_lib.cli._doctor import doctor
from shared_lib.cli._reconcile import reconcile

__all__ = ["app", "main"]

app = typer.Typer(
    name="phasezero",
    help="Operate a running Phase Zero.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(_keys.app, name="keys")
app.add_typer(_jobs.app, name="jobs")
app.add_typer(_prove.app, name="prove")
app.command("reconcile")(reconcile)
app.command("doctor")(doctor)


@app.callback()
def _root() -> None:
    """Operate a running Phase Zero."""


def main() -> None:
    """Run the program with the arguments of the process."""
    app()
