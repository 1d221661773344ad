"""`phasezero keys drill`: turns of the signing keys, rehearsed; nothing is read or changed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from shared_lib.cli._settings import AsJson, EnvFile, ScheduleSettings, load_settings
from shared_lib.keys import (
    Conditions,
    Refusal,
    Schedule,
    Unsafe,
    Verdict,
    rehearse,
    verifiers,
)
from shared_lib.tokens import LONGEST_LIFE

__all__ = ["drill_keys"]

_LIVE = "as set"


def drill_keys(
    env_file: EnvFile = None,
    *,
    unsafe: Annotated[
        list[Unsafe] | None, typer.Option(help="Rehearse without this rule, too; repeatable.")
    ] = None,
    keeps: Annotated[
        list[float] | None,
        typer.Option(
            help="A verifier that keeps a key set for so many seconds; repeatable.", min=0
        ),
    ] = None,
    skew: Annotated[float, typer.Option(help="Seconds by which clocks differ.", min=0)] = 30.0,
    token_life: Annotated[
        float, typer.Option(help="Seconds that the longest-lived token lives.", min=1)
    ] = LONGEST_LIFE,
    turns: Annotated[int, typer.Option(help="How many turns.", min=1, max=20)] = 3,
    as_json: AsJson = False,
) -> None:
    """Rehearse turns of the keys against verifiers with different caches.

    Prints who would have refused good tokens and for how long, at worst. Status 1 when anybody
    would have, under the schedule as it is set or without one of its rules (`--unsafe`).
    """
    schedule = load_settings(ScheduleSettings, env_file).schedule
    conditions = Conditions(lag=schedule.margin / 2, skew=skew, token_life=token_life)
    checking = verifiers(schedule, skew, keeps or ())
    rehearsals = {
        _LIVE if rule is None else rule.value: rehearse(
            schedule, conditions, checking, unsafe=rule, turns=turns
        )
        for rule in (None, *(unsafe or ()))
    }
    if as_json:
        typer.echo(json.dumps(_report(schedule, conditions, rehearsals), indent=2))
    else:
        for name, verdicts in rehearsals.items():
            _print(name, schedule, verdicts, turns)
    if any(verdict.refusals for verdicts in rehearsals.values() for verdict in verdicts):
        raise typer.Exit(1)


def _report(
    schedule: Schedule, conditions: Conditions, rehearsals: dict[str, list[Verdict]]
) -> dict[str, Any]:
    return {
        "schedule": asdict(schedule),
        "conditions": asdict(conditions),
        "rehearsals": [
            {
                "rules": name,
                "refused": any(verdict.refusals for verdict in verdicts),
                "verifiers": [
                    {
                        "name": verdict.verifier.name,
                        "keeps_seconds": verdict.verifier.keeps,
                        "refusals": [_refusal(each) for each in verdict.refusals],
                    }
                    for verdict in verdicts
                ],
            }
            for name, verdicts in rehearsals.items()
        ],
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {"turn": refusal.turn, "why": _why(refusal), "seconds": refusal.seconds}


def _why(refusal: Refusal) -> str:
    return "the key has left" if refusal.known else "the key is not known yet"


def _print(name: str, schedule: Schedule, verdicts: Sequence[Verdict], turns: int) -> None:
    if name == _LIVE:
        known = 2 * schedule.max_age + schedule.margin
        stays = schedule.longest_token + schedule.margin
        typer.echo(
            f"The schedule as it is set: a key is published for {known} s before it signs and "
            f"{stays} s after it has stopped. {turns} turns."
        )
    else:
        typer.echo(f"Without a rule: {name}. {turns} turns.")
    width = max(len(verdict.verifier.name) for verdict in verdicts)
    for verdict in verdicts:
        typer.echo(f"  {verdict.verifier.name.ljust(width)}  {_said(verdict.refusals)}")


def _said(refusals: Sequence[Refusal]) -> str:
    """The longest refusal of each kind, and how many turns had one."""
    if not refusals:
        return "refuses nothing"
    parts = []
    for known in (False, True):
        these = [refusal for refusal in refusals if refusal.known is known]
        if these:
            longest = max(these, key=lambda refusal: refusal.seconds)
            parts.append(f"{_why(longest)} for {longest.seconds:g} s in {len(these)} turns")
    return "REFUSES good tokens: " + ", ".join(parts)
