"""How checks are told: a table for people, JSON for programs, a status for scripts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from shared_lib.checks import Check, CheckState

__all__ = ["exit_status", "print_checks", "report_of"]

_MARKS = {
    CheckState.PASSED: "[green]✓[/green]",
    CheckState.FAILED: "[red]✗[/red]",
    CheckState.SKIPPED: "[yellow]-[/yellow]",
}


def report_of(checks: Sequence[Check]) -> dict[str, Any]:
    """All of it as plain values: `checks`, how many ended in which way, and `holds`."""
    counts = {state.value: sum(check.state is state for check in checks) for state in CheckState}
    return {
        "holds": exit_status(checks) == 0,
        "counts": counts,
        "checks": [{**asdict(check), "state": check.state.value} for check in checks],
    }


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print every check, with its faults below it, in the order given."""
    if as_json:
        typer.echo(json.dumps(report_of(checks), indent=2))
        return
    console = Console(highlight=False)
    section = None
    for check in checks:
        if check.section != section:
            section = check.section
            console.print(f"\n[bold]{escape(section)}[/bold]")
        source = f" [dim]({escape(check.source)})[/dim]" if check.source else ""
        name = f" [dim]{escape(f'{check.section}.{check.name}')}[/dim]" if check.faults else ""
        console.print(f"  {_MARKS[check.state]} {escape(check.says)}{source}{name}", soft_wrap=True)
        for fault in check.faults:
            console.print(f"      [red]{escape(fault)}[/red]", soft_wrap=True)
        if check.skipped:
            skipped = f"      [dim]not looked at: {escape(check.skipped)}[/dim]"
            console.print(skipped, soft_wrap=True)
    counts = report_of(checks)["counts"]
    console.print(
        f"\n{counts['passed']} hold, {counts['failed']} do not, {counts['skipped']} not looked at"
    )


def exit_status(checks: Sequence[Check]) -> int:
    """1 when a check failed, or when every one was skipped: that proves nothing."""
    states = {check.state for check in checks}
    return int(CheckState.FAILED in states or CheckState.PASSED not in states)
