"""The rules of rotation, alone: which step is safe when, in any order of times and rotations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_lib.clock import utc_now
from shared_lib.keys import (
    KeyRecord,
    KeyState,
    RotationPlan,
    RotationRefused,
    Schedule,
    plan_rotation,
    plan_turn,
)

START = utc_now()
SCHEDULE = Schedule()
NEEDS = 2 * 300 + 60  # seconds from publication to signing
LIVES = 3600 + 60  # seconds from the end of signing to retirement


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def key(
    kid: str,
    state: KeyState,
    *,
    published: float = 0,
    deactivated: float | None = None,
) -> KeyRecord:
    return KeyRecord(
        kid=kid,
        state=state,
        public_jwk={"kid": kid},
        private_key=b"sealed",
        published_at=at(published),
        activated_at=None if state is KeyState.NEXT else at(published),
        deactivated_at=None if deactivated is None else at(deactivated),
        retired_at=None,
    )


CURRENT = key("current", KeyState.CURRENT)
NEXT = key("next", KeyState.NEXT)


def test_a_next_key_is_published_where_there_is_none() -> None:
    plan = plan_rotation([CURRENT], at(0), SCHEDULE)
    assert (plan.retire, plan.demote, plan.promote, plan.publish) == ((), None, None, True)


def test_a_next_key_takes_over_once_everybody_knows_it() -> None:
    plan = plan_rotation([CURRENT, NEXT], at(NEEDS), SCHEDULE)
    assert (plan.retire, plan.demote, plan.promote, plan.publish) == ((), "current", "next", True)


def test_a_step_too_early_is_refused_with_the_instant_at_which_it_is_safe() -> None:
    with pytest.raises(RotationRefused, match="key next has been published since") as refused:
        plan_rotation([CURRENT, NEXT], at(NEEDS - 0.001), SCHEDULE)
    assert refused.value.safe_at == at(NEEDS)


def test_a_previous_key_retires_when_its_last_token_is_dead() -> None:
    previous = key("previous", KeyState.PREVIOUS, deactivated=1000)
    keys = [previous, CURRENT, replace(NEXT, published_at=at(LIVES + 900))]
    plan = plan_rotation(keys, at(1000 + LIVES), SCHEDULE)
    assert (plan.retire, plan.promote, plan.publish) == (("previous",), None, False)
    with pytest.raises(RotationRefused):
        plan_rotation(keys, at(1000 + LIVES - 1), SCHEDULE)


def test_a_retired_key_stays_retired() -> None:
    retired = key("retired", KeyState.RETIRED, deactivated=0)
    assert plan_rotation([retired, CURRENT, NEXT], at(LIVES * 2), SCHEDULE).retire == ()


def test_an_empty_table_is_not_for_rotate() -> None:
    with pytest.raises(RotationRefused) as refused:
        plan_rotation([], at(0), SCHEDULE)
    assert refused.value.safe_at is None


def test_a_table_without_current_key_gets_none_that_nobody_knows() -> None:
    with pytest.raises(RotationRefused):
        plan_rotation([NEXT], at(NEEDS - 1), SCHEDULE)
    plan = plan_rotation([NEXT], at(NEEDS), SCHEDULE)
    assert (plan.demote, plan.promote) == (None, "next")


@pytest.mark.parametrize("name", ["max_age", "margin", "longest_token", "period"])
def test_a_schedule_takes_time(name: str) -> None:
    with pytest.raises(ValueError, match="at least one second"):
        Schedule(**{name: 0})


def test_by_itself_a_key_turns_only_when_it_has_signed_for_a_period() -> None:
    schedule = Schedule(period=1000)
    assert plan_turn([CURRENT, NEXT], at(999), schedule) is None
    turn = plan_turn([CURRENT, NEXT], at(1000), schedule)
    assert turn == RotationPlan((), demote="current", promote="next", publish=True)


def test_by_itself_no_key_turns_before_it_is_known() -> None:
    schedule = Schedule(period=1)
    assert plan_turn([CURRENT, NEXT], at(NEEDS - 0.001), schedule) is None
    assert plan_turn([CURRENT, NEXT], at(NEEDS), schedule) is not None


def test_by_itself_a_key_retires_and_another_is_published_as_soon_as_may_be() -> None:
    previous = key("previous", KeyState.PREVIOUS, deactivated=0)
    keys = [previous, CURRENT, NEXT]
    retirement = RotationPlan(("previous",), demote=None, promote=None, publish=False)
    assert plan_turn(keys, at(LIVES), SCHEDULE) == retirement
    assert plan_turn([CURRENT], at(0), SCHEDULE) == RotationPlan((), None, None, publish=True)
    assert plan_turn([], at(0), SCHEDULE) is None


def test_a_table_without_current_key_waits_for_no_period() -> None:
    assert plan_turn([NEXT], at(NEEDS - 1), SCHEDULE) is None
    turn = plan_turn([NEXT], at(NEEDS), SCHEDULE)
    assert turn is not None
    assert turn.promote == "next"


def test_a_revoked_key_does_nothing_any_more() -> None:
    revoked = replace(key("revoked", KeyState.REVOKED, deactivated=0), revoked_at=at(0))
    assert plan_rotation([revoked, CURRENT, NEXT], at(LIVES * 2), SCHEDULE).retire == ()
    assert not KeyState.REVOKED.is_published


class Model:
    """What the store does with a plan, in memory, under a clock that may run back."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.now = datetime.now(UTC)
        self.names = (str(number) for number in count())
        self.keys: dict[str, KeyRecord] = {}
        self.publish(KeyState.CURRENT)

    def publish(self, state: KeyState) -> None:
        kid = next(self.names)
        activated = self.now if state is KeyState.CURRENT else None
        self.keys[kid] = KeyRecord(kid, state, {}, b"", self.now, activated, None, None)

    def change(self, kid: str, state: KeyState, **instants: Any) -> None:
        self.keys[kid] = replace(self.keys[kid], state=state, **instants)

    def rotate(self) -> None:
        try:
            plan = plan_rotation(list(self.keys.values()), self.now, self.schedule)
        except RotationRefused:
            return
        for kid in plan.retire:
            self.change(kid, KeyState.RETIRED, retired_at=self.now)
        if plan.demote is not None:
            self.change(plan.demote, KeyState.PREVIOUS, deactivated_at=self.now)
        if plan.promote is not None:
            self.change(plan.promote, KeyState.CURRENT, activated_at=self.now)
        if plan.publish:
            self.publish(KeyState.NEXT)

    def in_state(self, state: KeyState) -> list[KeyRecord]:
        return [key for key in self.keys.values() if key.state is state]


@settings(deadline=None)
@given(
    schedule=st.builds(
        Schedule,
        max_age=st.integers(1, 600),
        margin=st.integers(1, 120),
        longest_token=st.integers(1, 3600),
    ),
    pauses=st.lists(st.floats(-100, 5000), max_size=40),
)
def test_no_order_of_rotations_breaks_a_promise(schedule: Schedule, pauses: list[float]) -> None:
    model = Model(schedule)
    first = next(iter(model.keys))
    known = timedelta(seconds=2 * schedule.max_age + schedule.margin)
    dead = timedelta(seconds=schedule.longest_token)
    for pause in pauses:
        model.now += timedelta(seconds=pause)
        model.rotate()
        assert len(model.in_state(KeyState.CURRENT)) == 1
        assert len(model.in_state(KeyState.NEXT)) == 1
        for record in model.keys.values():
            if record.activated_at is not None and record.kid != first:
                assert record.activated_at - record.published_at >= known
            if record.retired_at is not None:
                assert record.deactivated_at is not None
                assert record.retired_at - record.deactivated_at >= dead


@settings(deadline=None)
@given(pauses=st.lists(st.floats(0, 5000), max_size=40))
def test_a_token_of_full_life_never_outlives_its_key(pauses: list[float]) -> None:
    model = Model(SCHEDULE)
    model.rotate()
    expires: dict[str, datetime] = {}
    for pause in pauses:
        signer = model.in_state(KeyState.CURRENT)[0].kid
        # Signed at the last moment by a replica that has not noticed the rotation yet.
        model.now += timedelta(seconds=pause)
        model.rotate()
        expires[signer] = model.now + timedelta(seconds=SCHEDULE.longest_token)
        for record in model.in_state(KeyState.RETIRED):
            assert model.now >= expires[record.kid]


@settings(deadline=None)
@given(st.floats(0, 10_000))
def test_the_refusal_names_the_first_safe_instant(seconds: float) -> None:
    keys = [CURRENT, replace(NEXT, published_at=at(seconds))]
    with pytest.raises(RotationRefused) as refused:
        plan_rotation(keys, at(seconds), SCHEDULE)
    assert refused.value.safe_at is not None
    with pytest.raises(RotationRefused):
        plan_rotation(keys, refused.value.safe_at - timedelta(microseconds=1), SCHEDULE)
    assert plan_rotation(keys, refused.value.safe_at, SCHEDULE).promote == "next"
