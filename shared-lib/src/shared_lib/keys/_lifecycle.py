"""The life of a signing key, from `next` to `retired` or `revoked`: pure rules over instants.

A verifier keeps a key set for `max_age`, and a cache before it for another; so a key is published
for twice that time, and a margin, before it signs. Nobody may meet a signature that he cannot
check. A key that has stopped signing stays published until its last token is dead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared_lib.tokens import LONGEST_LIFE

__all__ = [
    "KeyRecord",
    "KeyState",
    "RotationPlan",
    "RotationRefused",
    "Schedule",
    "plan_rotation",
    "plan_turn",
]


class KeyState(StrEnum):
    """What a key does; each state follows the one before it, and none but the last is skipped."""

    NEXT = "next"  # published, so that verifiers know it before it signs
    CURRENT = "current"  # published, signs
    PREVIOUS = "previous"  # published, so that its last tokens live; its private part is destroyed
    RETIRED = "retired"  # kept as a record only
    REVOKED = "revoked"  # by hand, at any time: none of its signatures counts

    @property
    def is_published(self) -> bool:
        """Whether verifiers are shown the key."""
        return self in (KeyState.NEXT, KeyState.CURRENT, KeyState.PREVIOUS)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One row of `signing_keys`; `private_key` is ciphertext, and gone once the key has signed."""

    kid: str
    state: KeyState
    public_jwk: dict[str, Any]
    private_key: bytes | None = field(repr=False)
    published_at: datetime
    activated_at: datetime | None
    deactivated_at: datetime | None
    retired_at: datetime | None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long the steps take, in seconds. Every replica and `phasezero` must agree on it.

    `max_age` is that of the JWKS endpoint. `margin` covers what the replicas of identity may lag
    behind each other and behind the verifiers' clocks; half of it is how old a keyring may be.
    `period` is how long a key signs before the next one is due to take over.
    """

    max_age: int = 300
    margin: int = 60
    longest_token: int = LONGEST_LIFE
    period: float = 30 * 24 * 3600

    def __post_init__(self) -> None:
        if min(self.max_age, self.margin, self.longest_token) < 1 or self.period <= 0:
            raise ValueError("max_age, margin and longest_token are at least one second")

    def due_from(self, key: KeyRecord) -> datetime:
        """The instant from which the current key has signed long enough."""
        return (key.activated_at or key.published_at) + timedelta(seconds=self.period)

    def signs_from(self, key: KeyRecord) -> datetime:
        """The first instant at which every verifier that is up to date knows the key."""
        return key.published_at + timedelta(seconds=2 * self.max_age + self.margin)

    def retires_from(self, key: KeyRecord) -> datetime | None:
        """The first instant at which no token of the key is alive; None while it may sign."""
        if key.deactivated_at is None:
            return None
        # The margin: a replica that has not noticed may sign with the key for a moment longer,
        # and a verifier's leeway lets a token live on a little.
        return key.deactivated_at + timedelta(seconds=self.longest_token + self.margin)

    def next_step_from(self, key: KeyRecord) -> datetime | None:
        """When the key may sign, is due to be followed, or may retire; None when it is over."""
        if key.state is KeyState.NEXT:
            return self.signs_from(key)
        if key.state is KeyState.CURRENT:
            return self.due_from(key)
        return self.retires_from(key) if key.state is KeyState.PREVIOUS else None


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """The steps that are safe now, as `kid`s: `demote` stops signing when `promote` starts."""

    retire: tuple[str, ...]
    demote: str | None
    promote: str | None
    publish: bool  # a new key, as `next`


class RotationRefused(Exception):
    """No step is safe now: why, and from which instant one is (None when no time will help)."""

    def __init__(self, reason: str, safe_at: datetime | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.safe_at = safe_at


def plan_rotation(keys: Sequence[KeyRecord], now: datetime, schedule: Schedule) -> RotationPlan:
    """Decide which steps of a rotation are safe now; RotationRefused when none is.

    Keys whose tokens are all dead retire. A `next` that everybody knows takes over from `current`
    and a new `next` is published; so is one where there is none.
    """
    if not keys:
        raise RotationRefused("there is no key: the identity service makes the first one", None)
    retire = tuple(key.kid for key in keys if _may_retire(key, now, schedule))
    upcoming = _in_state(keys, KeyState.NEXT)
    if upcoming is None:
        return RotationPlan(retire, demote=None, promote=None, publish=True)
    safe_at = schedule.signs_from(upcoming)
    if now >= safe_at:
        current = _in_state(keys, KeyState.CURRENT)
        demote = None if current is None else current.kid
        return RotationPlan(retire, demote, promote=upcoming.kid, publish=True)
    if retire:
        return RotationPlan(retire, demote=None, promote=None, publish=False)
    raise RotationRefused(
        f"key {upcoming.kid} has been published since {upcoming.published_at.isoformat()}; "
        "verifiers that still hold an older key set would refuse its tokens",
        safe_at,
    )


def plan_turn(keys: Sequence[KeyRecord], now: datetime, schedule: Schedule) -> RotationPlan | None:
    """Decide which steps are due without anybody asking, and safe; None when there is none.

    A key retires and a `next` is published as soon as may be; the current key signs for a period.
    """
    try:
        plan = plan_rotation(keys, now, schedule)
    except RotationRefused:
        return None
    current = _in_state(keys, KeyState.CURRENT)
    if plan.promote is None or current is None or now >= schedule.due_from(current):
        return plan
    return RotationPlan(plan.retire, None, None, publish=False) if plan.retire else None


def _in_state(keys: Sequence[KeyRecord], state: KeyState) -> KeyRecord | None:
    return next((key for key in keys if key.state is state), None)


def _may_retire(key: KeyRecord, now: datetime, schedule: Schedule) -> bool:
    retires_from = schedule.retires_from(key)
    return key.state is KeyState.PREVIOUS and retires_from is not None and now >= retires_from
