"""Whether get and list (cursor) cost the same however many rows and organizations there are."""

from functools import partial
from typing import Any

from bench.arena import Arena
from bench.load import Slice, put_load
from bench.plan import Plan
from bench.rounds import in_turn, rates, ratio, summary
from bench.seed import write_callers

OPERATIONS = ("list", "get")
_CALLERS = 200


def measure(arena: Arena, plan: Plan) -> dict[str, Any]:
    """Each size against the smallest: above 1 is faster, below 1 slower."""
    contenders = {}
    for size in plan.growth:
        name = f"{size.tenants}x{size.popups}"
        place = arena.place(name, size)
        callers = place.directory / "callers"
        write_callers(arena.cluster, place.database, arena.issuer, callers, _CALLERS)
        contenders[str(size)] = (place.core(name), callers)
    found: dict[str, Any] = {}
    for operation in OPERATIONS:

        def load(size: str, operation: str = operation) -> Slice:
            contender, callers = contenders[size]
            return put_load(contender, operation, callers, plan.seconds, arena.backends())

        measures = {size: partial(load, size) for size in contenders}
        slices = in_turn(measures, plan.rounds)
        least = slices[str(plan.growth[0])]
        found[operation] = {
            size: {**summary(each), "rate_ratio": vars(ratio(rates(each), rates(least)))}
            for size, each in slices.items()
        }
    return found
