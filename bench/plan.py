"""How long and how much: what BENCH=full and BENCH=quick mean."""

from dataclasses import dataclass

from bench.seed import Size


@dataclass(frozen=True)
class Plan:
    """`seconds` of one slice; `rounds` of them for each contender; sizes of the databases."""

    name: str
    seconds: int
    rounds: int
    main: Size
    growth: tuple[Size, ...]
    profiled: int
    identity_rounds: int
    identity_requests: int


FULL = Plan(
    name="full",
    seconds=1,
    rounds=16,
    main=Size(100, 1000),
    growth=(Size(10, 1000), Size(1000, 100), Size(10_000, 100), Size(10_000, 500)),
    profiled=5,
    identity_rounds=3,
    identity_requests=300,
)
QUICK = Plan(
    name="quick",
    seconds=1,
    rounds=3,
    main=Size(100, 1000),
    growth=(Size(10, 1000), Size(1000, 100)),
    profiled=2,
    identity_rounds=2,
    identity_requests=60,
)
PLANS = {plan.name: plan for plan in (FULL, QUICK)}
