"""The rehearsal of turns, and turns really taken in simulated time, against the same verifiers."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared_lib.jwks import FetchedKeys, RefreshedKeys, Refreshing
from shared_lib.keys import (
    Conditions,
    KeyRecord,
    KeyState,
    Schedule,
    Unsafe,
    Verifier,
    plan_turn,
    rehearse,
    verifiers,
)
from shared_lib.testing.tokens import ManualClock
from shared_lib.tokens import VerificationKey

START = datetime(2026, 1, 1, tzinfo=UTC)


def conditions(schedule: Schedule, **changes: float) -> Conditions:
    return replace(Conditions(lag=schedule.margin / 2), **changes)


def longest(schedule: Schedule, *, known: bool, **changes: object) -> dict[float, float]:
    """The longest refusal of each verifier, by how long it keeps a key set."""
    unsafe = changes.pop("unsafe", None)
    assert unsafe is None or isinstance(unsafe, Unsafe)
    verdicts = rehearse(
        schedule,
        conditions(schedule, **changes),  # type: ignore[arg-type]
        verifiers(schedule, 30, [3600]),
        unsafe=unsafe,
    )
    return {
        verdict.verifier.keeps: max(
            (each.seconds for each in verdict.refusals if each.known is known), default=0
        )
        for verdict in verdicts
    }


def test_by_the_schedule_of_production_nobody_refuses_a_good_token() -> None:
    for verdict in rehearse(Schedule(), conditions(Schedule()), verifiers(Schedule(), 30)):
        assert verdict.refusals == (), verdict.verifier


@settings(deadline=None)
@given(
    schedule=st.builds(
        Schedule,
        max_age=st.integers(1, 3600),
        margin=st.integers(60, 600),
        longest_token=st.just(3600),
        period=st.floats(1, 10**7),
    )
)
def test_no_schedule_with_the_margin_of_production_refuses_a_good_token(
    schedule: Schedule,
) -> None:
    for verdict in rehearse(schedule, conditions(schedule), verifiers(schedule, 30)):
        assert verdict.refusals == (), verdict.verifier


def test_without_waiting_every_cache_refuses_for_as_long_as_it_keeps() -> None:
    refused = longest(Schedule(), known=False, unsafe=Unsafe.NO_WAIT)
    assert refused == {0: 30, 10: 40, 300: 330, 600: 630, 630: 660, 3600: 3630}


def test_waiting_for_one_max_age_forgets_the_caches_between() -> None:
    refused = longest(Schedule(), known=False, unsafe=Unsafe.ONE_MAX_AGE)
    assert refused == {0: 0, 10: 0, 300: 30, 600: 330, 630: 360, 3600: 3330}


def test_without_a_margin_replicas_that_lag_cost_something() -> None:
    known = longest(Schedule(), known=False, unsafe=Unsafe.NO_MARGIN)
    assert known == {0: 0, 10: 0, 300: 0, 600: 30, 630: 60, 3600: 3030}
    assert set(longest(Schedule(), known=True, unsafe=Unsafe.NO_MARGIN).values()) == {60}


def test_a_key_that_leaves_at_once_orphans_its_tokens() -> None:
    assert set(longest(Schedule(), known=True, unsafe=Unsafe.EARLY_RETIRE).values()) == {3660}
    assert set(longest(Schedule(), known=False, unsafe=Unsafe.EARLY_RETIRE).values()) == {0, 2970}


def test_an_emergency_costs_both() -> None:
    assert longest(Schedule(), known=False, unsafe=Unsafe.REVOCATION)[300] == 330
    assert longest(Schedule(), known=True, unsafe=Unsafe.REVOCATION)[300] == 3660


@pytest.mark.parametrize(
    ("schedule", "changes", "known"),
    [
        (Schedule(margin=10), {}, False),  # less than clocks differ
        (Schedule(longest_token=900), {}, True),  # support tokens live longer
        (Schedule(), {"skew": 60}, True),
        (Schedule(), {"lag": 120}, False),
    ],
)
def test_bad_settings_are_seen(
    schedule: Schedule,
    changes: Mapping[str, float],
    known: bool,  # noqa: FBT001
) -> None:
    assert longest(schedule, known=known, **changes)[630] > 0


@pytest.mark.parametrize("turns", [1, 2, 7])
def test_each_turn_is_told_of(turns: int) -> None:
    (verdict,) = rehearse(
        Schedule(),
        conditions(Schedule()),
        [Verifier("any", 300)],
        unsafe=Unsafe.REVOCATION,
        turns=turns,
    )
    assert {refusal.turn for refusal in verdict.refusals} == set(range(1, turns + 1))
    assert len(verdict.refusals) == 2 * turns


@dataclass
class Identity:
    """A service whose worker turns the keys in simulated time, and whose replicas lag.

    `publish` and `sign` are what a replica with that lag does now.
    """

    schedule: Schedule
    now: float = 0.0
    keys: list[KeyRecord] = field(default_factory=list)
    # What was true from an instant on: the published kids, and the one that signs.
    history: list[tuple[float, frozenset[str], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = [self._key("0", KeyState.CURRENT), self._key("1", KeyState.NEXT)]
        self._note()

    def work(self) -> None:
        """Take the steps that are due and safe."""
        plan = plan_turn(self.keys, self._instant(), self.schedule)
        if plan is None:
            return
        self.keys = [
            self._stepped(key, plan.retire, plan.demote, plan.promote) for key in self.keys
        ]
        if plan.publish:
            self.keys.append(self._key(str(len(self.keys)), KeyState.NEXT))
        self._note()

    def published(self, at: float) -> frozenset[str]:
        return self._state(at)[1]

    def signer(self, at: float) -> str:
        return self._state(at)[2]

    def _state(self, at: float) -> tuple[float, frozenset[str], str]:
        return next((each for each in reversed(self.history) if each[0] <= at), self.history[0])

    def _note(self) -> None:
        kids = frozenset(key.kid for key in self.keys if key.state.is_published)
        signer = next(key.kid for key in self.keys if key.state is KeyState.CURRENT)
        self.history.append((self.now, kids, signer))

    def _instant(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def _key(self, kid: str, state: KeyState) -> KeyRecord:
        now = self._instant()
        activated_at = now if state is KeyState.CURRENT else None
        return KeyRecord(kid, state, {}, None, now, activated_at, None, None)

    def _stepped(
        self, key: KeyRecord, retire: tuple[str, ...], demote: str | None, promote: str | None
    ) -> KeyRecord:
        now = self._instant()
        if key.kid in retire:
            return replace(key, state=KeyState.RETIRED, retired_at=now)
        if key.kid == demote:
            return replace(key, state=KeyState.PREVIOUS, deactivated_at=now)
        if key.kid == promote:
            return replace(key, state=KeyState.CURRENT, activated_at=now)
        return key


@dataclass
class Cache:
    """A verifier, or a proxy before one, that keeps what it read, and asks again when it is old."""

    identity: Identity
    keeps: float
    lag: float
    behind: "Cache | None" = None
    fetched_at: float = -1e9
    kids: frozenset[str] = frozenset()

    def read(self, now: float) -> frozenset[str]:
        if now - self.fetched_at >= self.keeps:
            self.kids = (
                self.identity.published(now - self.lag)
                if self.behind is None
                else self.behind.read(now)
            )
            self.fetched_at = now
        return self.kids


def good_kids(identity: Identity, now: float, lag: float) -> set[str]:
    """The keys of tokens that are good now: signed by some replica within a token's life."""
    first = now - identity.schedule.longest_token - lag
    return {
        signer
        for (since, _, signer), until in zip(identity.history, ends(identity, now), strict=True)
        if until >= first and since <= now
    }


def ends(identity: Identity, now: float) -> Iterator[float]:
    yield from (since for since, _, _ in identity.history[1:])
    yield now


@settings(max_examples=30, deadline=None)
@given(
    max_age=st.integers(2, 8),
    # Half of it is what replicas may lag.
    margin=st.integers(4, 8),
    longest_token=st.integers(2, 12),
    period=st.integers(1, 60),
    look=st.integers(1, 5),
    phases=st.lists(st.integers(0, 7), min_size=4, max_size=4),
)
@example(max_age=8, margin=4, longest_token=12, period=1, look=1, phases=[0, 0, 0, 0])
def test_in_simulated_time_no_verifier_refuses_a_good_token(
    max_age: int, margin: int, longest_token: int, period: int, look: int, phases: list[int]
) -> None:
    """Several whole turns, looked at every quarter of a second."""
    schedule = Schedule(max_age, margin, longest_token, period)
    identity = Identity(schedule)
    lags = [0.0, margin / 4, margin / 2]
    caches = [Cache(identity, 0, lag) for lag in lags]
    caches += [Cache(identity, max_age, lag) for lag in lags]
    caches += [Cache(identity, max_age, 0, Cache(identity, max_age, lag)) for lag in lags]
    tick = 0
    while len(identity.keys) < 6 or identity.keys[3].state is not KeyState.RETIRED:
        identity.now = tick / 4
        if tick % (look * 4) == 0:  # the worker's pace
            identity.work()
        for number, cache in enumerate(caches):
            if tick >= phases[number % 4]:  # nobody asks in step
                known = cache.read(identity.now)
                for lag in lags:
                    assert identity.signer(identity.now - lag) in known
                assert good_kids(identity, identity.now, margin / 2) <= known
        tick += 1
        assert tick < 100_000


class Endpoint:
    """The key set as our own client reads it, at the time of a clock."""

    def __init__(self, identity: Identity, keys: Mapping[str, VerificationKey]) -> None:
        self.identity = identity
        self.keys = keys
        self.fetches = 0

    async def fetch(self) -> FetchedKeys:
        self.fetches += 1
        published = self.identity.published(self.identity.now)
        found = {kid: self.keys[kid] for kid in published}
        return FetchedKeys(found, self.identity.schedule.max_age)


class Named(dict[str, VerificationKey]):
    """Any number of keys; what they verify is not asked here."""

    def __missing__(self, kid: str) -> VerificationKey:
        key = object.__new__(VerificationKey)
        key.kid = kid
        return key


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(max_age=st.integers(2, 6), period=st.integers(1, 30), idle=st.integers(1, 40))
def test_in_simulated_time_our_own_client_refuses_nothing(
    max_age: int, period: int, idle: int
) -> None:
    """Its background refresh is left out: it knows what it meets by asking again, or not at all."""
    schedule = Schedule(max_age, 4, 5, period)
    identity, clock = Identity(schedule), ManualClock(0.0)
    endpoint = Endpoint(identity, Named())
    client = RefreshedKeys(endpoint.fetch, refreshing=Refreshing(cool_down=0), clock=clock)

    async def run() -> None:
        for second in range(200):
            clock.now = identity.now = float(second)
            identity.work()
            if second % idle == 0:
                assert await client.key(identity.signer(identity.now)) is not None

    asyncio.run(run())
    assert len(identity.keys) >= 4
    assert endpoint.fetches <= len(identity.keys)
