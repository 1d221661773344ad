"""What the protections cost: the core, the core without them, and the floor."""

from functools import partial
from typing import Any

from bench.arena import Arena, Contender
from bench.load import Slice, put_load
from bench.plan import Plan
from bench.rounds import costs, in_turn, rates, ratio, summary
from bench.sections.profile import profiled
from bench.seed import write_callers

OPERATIONS = ("list", "get", "create")


def measure(arena: Arena, plan: Plan) -> dict[str, Any]:
    """Requests per second and processor time of each operation by each contender."""
    place = arena.place("main", plan.main)
    callers = arena.directory / "callers"
    write_callers(arena.cluster, place.database, arena.issuer, callers)
    contenders = [
        place.core("protected"),
        place.unprotected(),
        place.floor("by_hand"),
        place.floor("cached"),
    ]
    found: dict[str, Any] = {"size": str(plan.main)}
    for operation in OPERATIONS:

        def load(contender: Contender, operation: str = operation) -> Slice:
            return put_load(contender, operation, callers, plan.seconds, arena.backends())

        measures = {each.name: partial(load, each) for each in contenders}
        found[operation] = _compared(in_turn(measures, plan.rounds))
    found["profiles"] = {
        operation: profiled(contenders[0], operation, callers, plan.profiled)
        for operation in OPERATIONS
    }
    return found


def _compared(slices: dict[str, list[Slice]]) -> dict[str, Any]:
    ours = slices["protected"]
    return {
        name: {
            **summary(each),
            "rate_ratio": vars(ratio(rates(ours), rates(each))),
            "cost_ratio": vars(ratio(costs(each), costs(ours))),
        }
        for name, each in slices.items()
    }
