"""A rehearsal of turns: which verifiers would refuse good tokens, and for how long. Pure.

It asks the very rules that turn the keys, and assumes the worst of everything else: each verifier
read the key set just before it changed, replicas lag as long as they may, clocks are wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from typing_extensions import override

from shared_lib.jwks import Refreshing
from shared_lib.keys._lifecycle import (
    KeyRecord,
    KeyState,
    RotationRefused,
    Schedule,
    plan_rotation,
)
from shared_lib.tokens import LONGEST_LIFE

__all__ = ["Conditions", "Refusal", "Unsafe", "Verdict", "Verifier", "rehearse", "verifiers"]

_START = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = 30.0  # seconds, what verifiers allow for


class Unsafe(StrEnum):
    """What keys would do if a rule were left out."""

    NO_WAIT = "no-wait"  # sign as soon as they are published
    ONE_MAX_AGE = "one-max-age"  # forget the caches between
    NO_MARGIN = "no-margin"  # take replicas and clocks for perfect
    EARLY_RETIRE = "early-retire"  # leave as soon as they sign no longer
    REVOCATION = "revocation"  # what an emergency costs: leave at once, the next one signs at once


@dataclass(frozen=True, slots=True)
class Conditions:
    """What may happen at worst, in seconds.

    `token_life` is that of the longest-lived token that is really issued, `skew` the difference of
    any two clocks, `lag` what a replica of identity may be behind the table.
    """

    lag: float
    skew: float = _CLOCKS_DIFFER
    token_life: float = LONGEST_LIFE


@dataclass(frozen=True, slots=True)
class Verifier:
    """Somebody who checks tokens by a key set that is at most `keeps` seconds old."""

    name: str
    keeps: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Good tokens refused for `seconds` of a turn: the key is not `known` yet, or has left."""

    turn: int
    known: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the turns of a rehearsal did to one verifier."""

    verifier: Verifier
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class _Pace(Schedule):
    """A schedule that breaks a rule."""

    unsafe: Unsafe = Unsafe.NO_WAIT

    @override
    def signs_from(self, key: KeyRecord) -> datetime:
        waits = {
            Unsafe.NO_WAIT: 0,
            Unsafe.REVOCATION: 0,
            Unsafe.ONE_MAX_AGE: self.max_age,
            Unsafe.NO_MARGIN: 2 * self.max_age,
        }
        if self.unsafe in waits:
            return key.published_at + timedelta(seconds=waits[self.unsafe])
        return Schedule.signs_from(self, key)

    @override
    def retires_from(self, key: KeyRecord) -> datetime | None:
        stays = {
            Unsafe.EARLY_RETIRE: 0,
            Unsafe.REVOCATION: 0,
            Unsafe.NO_MARGIN: self.longest_token,
        }
        if self.unsafe in stays and key.deactivated_at is not None:
            return key.deactivated_at + timedelta(seconds=stays[self.unsafe])
        return Schedule.retires_from(self, key)


def verifiers(schedule: Schedule, skew: float, keeps: Sequence[float] = ()) -> list[Verifier]:
    """The verifiers of a rehearsal, and one more for each of `keeps` (seconds)."""
    max_age = float(schedule.max_age)
    again = min(Refreshing().unknown_ttl, max_age)
    return [
        Verifier("asks every time", 0.0),
        Verifier("the core: asks again for a key that it does not know", again),
        Verifier("keeps a key set for max-age", max_age),
        Verifier("keeps one from a proxy that keeps it, too", 2 * max_age),
        Verifier("the same, and its clock is wrong", 2 * max_age + skew),
        *(Verifier(f"keeps a key set for {each:g} s", each) for each in keeps),
    ]


def rehearse(
    schedule: Schedule,
    conditions: Conditions,
    checking: Sequence[Verifier],
    *,
    unsafe: Unsafe | None = None,
    turns: int = 3,
) -> list[Verdict]:
    """Let keys turn so many times, as fast as the schedule allows, or one that breaks a rule."""
    pace = schedule if unsafe is None else _paced(schedule, unsafe)
    lives = _lives(pace, turns)
    return [
        Verdict(verifier, tuple(_refusals(lives, verifier, conditions))) for verifier in checking
    ]


def _paced(schedule: Schedule, unsafe: Unsafe) -> Schedule:
    return _Pace(
        max_age=schedule.max_age,
        margin=schedule.margin,
        longest_token=schedule.longest_token,
        period=schedule.period,
        unsafe=unsafe,
    )


def _refusals(
    lives: Sequence[KeyRecord], verifier: Verifier, conditions: Conditions
) -> Iterator[Refusal]:
    """The windows in which a token may be good and its key not in the verifier's set."""
    for turn, key in enumerate(lives):
        if turn > 0 and key.activated_at is not None:
            waited = (key.activated_at - key.published_at).total_seconds()
            unknown = conditions.lag + verifier.keeps - waited
            if unknown > 0:
                yield Refusal(turn, known=False, seconds=unknown)
        if key.retired_at is not None and key.deactivated_at is not None:
            stayed = (key.retired_at - key.deactivated_at).total_seconds()
            orphaned = conditions.lag + conditions.skew + conditions.token_life - stayed
            if orphaned > 0:
                yield Refusal(turn + 1, known=True, seconds=orphaned)


def _lives(schedule: Schedule, turns: int) -> list[KeyRecord]:
    """Every key of so many turns, one as soon after the other as the rules allow, to its end."""
    keys = [_published("0", _START, KeyState.CURRENT), _published("1", _START, KeyState.NEXT)]
    now = _START
    while sum(key.retired_at is not None for key in keys) < turns:
        ended = len(keys) == turns + 2
        try:
            plan = plan_rotation(keys, now, schedule)
        except RotationRefused:
            plan = None
        if plan is None or (ended and not plan.retire):
            now = min(_steps(keys, now, schedule))
            continue
        demote, promote = (None, None) if ended else (plan.demote, plan.promote)
        keys = [_stepped(key, plan.retire, demote, promote, now) for key in keys]
        if promote is not None:
            keys.append(_published(str(len(keys)), now, KeyState.NEXT))
    return keys[: turns + 1]


def _steps(keys: Sequence[KeyRecord], now: datetime, schedule: Schedule) -> Iterator[datetime]:
    """The instants from now on at which something else may be safe."""
    for key in keys:
        step = schedule.next_step_from(key)
        if step is not None and step > now:
            yield step


def _published(kid: str, now: datetime, state: KeyState) -> KeyRecord:
    activated_at = now if state is KeyState.CURRENT else None
    return KeyRecord(kid, state, {}, None, now, activated_at, None, None)


def _stepped(
    key: KeyRecord, retire: Sequence[str], demote: str | None, promote: str | None, now: datetime
) -> KeyRecord:
    if key.kid in retire:
        return replace(key, state=KeyState.RETIRED, retired_at=now)
    if key.kid == demote:
        return replace(key, state=KeyState.PREVIOUS, deactivated_at=now)
    if key.kid == promote:
        return replace(key, state=KeyState.CURRENT, activated_at=now)
    return key
