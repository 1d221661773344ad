"""Contenders in turn, in short slices, so that whatever the machine does else it does to all."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.load import Slice

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of slices of one round, and their least and greatest."""

    median: float
    least: float
    greatest: float


def in_turn(
    contenders: Mapping[str, Callable[[], Measured]], rounds: int
) -> dict[str, list[Measured]]:
    """What each gives in each round. One round before them warms up and is not counted.

    Another one begins each round: what a contender leaves the next one, such as rows for
    PostgreSQL to tidy away, is left to each in turn.
    """
    found: dict[str, list[Measured]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            measured = contenders[name]()
            if number:
                found[name].append(measured)
    return found


def ratio(these: Sequence[float], those: Sequence[float]) -> Ratio:
    """Of each of `these` to that of the same round among `those`."""
    ratios = sorted(this / that for this, that in zip(these, those, strict=True) if that)
    if not ratios:
        return Ratio(0.0, 0.0, 0.0)
    return Ratio(statistics.median(ratios), ratios[0], ratios[-1])


def rates(slices: Sequence[Slice]) -> list[float]:
    """Requests per second of each slice."""
    return [each.rate for each in slices]


def costs(slices: Sequence[Slice]) -> list[float]:
    """The server's microseconds per request in each slice."""
    return [each.server for each in slices]


def summary(slices: Sequence[Slice]) -> dict[str, float]:
    """Medians over the slices."""
    return {
        name: round(statistics.median(getattr(each, name) for each in slices), 1)
        for name in ("rate", "server", "database", "p50", "p99")
    }
