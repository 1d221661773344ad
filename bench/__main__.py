"""``make bench``: measure everything, print the tables, keep them (BENCH=quick: in less time)."""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import report
from bench.arena import Arena
from bench.load import LoadFailed, LoadToolMissing, wrk
from bench.machine import Processor, describe, pin
from bench.plan import PLANS, Plan
from bench.sections import growth, identity, memory, protection, verification
from infra.dev.postgres import PostgresError

RESULTS = Path(__file__).with_name("results.json")
SECTIONS = ("protection", "growth", "verification", "identity", "memory")


def main() -> int:
    """Exit status 1, and one line that says why, when nothing could be measured."""
    name = os.environ.get("BENCH") or "full"
    wanted = (os.environ.get("BENCH_ONLY") or " ".join(SECTIONS)).replace(",", " ").split()
    if name not in PLANS or not set(wanted) <= set(SECTIONS):
        sections = " ".join(SECTIONS)
        sys.stderr.write(f"make bench: BENCH is full or quick, BENCH_ONLY some of {sections}\n")
        return 1
    try:
        wrk()
        results = run(PLANS[name], wanted)
    except (LoadToolMissing, LoadFailed, PostgresError) as error:
        sys.stderr.write(f"make bench: {error}\n")
        return 1
    text = report.tables(results)
    sys.stdout.write(f"\n{text}")
    if name == "full" and set(wanted) == set(SECTIONS):
        RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
        report.write(text)
    return 0


def run(plan: Plan, wanted: list[str]) -> dict[str, Any]:
    """Measure the wanted sections, one after the other."""
    command = "make bench" if plan.name == "full" else f"BENCH={plan.name} make bench"
    began = time.monotonic()
    pin(os.getpid(), Processor.LOAD)
    with Arena() as arena:
        results: dict[str, Any] = {
            "command": command,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": f"{describe()}, PostgreSQL {arena.version}",
        }
        if "protection" in wanted:
            results["protection"] = _said("protection", lambda: protection.measure(arena, plan))
        if "growth" in wanted:
            results["growth"] = _said("growth", lambda: growth.measure(arena, plan))
        if "verification" in wanted:
            results["verification"] = _said("verification", lambda: verification.measure(plan))
        if {"identity", "memory"} & set(wanted):
            arena.unpin()
            system = arena.system()
            results["identity"] = _said("identity", lambda: identity.measure(system, plan))
            results["memory"] = memory.measure(system)
    results["minutes"] = round((time.monotonic() - began) / 60, 1)
    return results


def _said(name: str, measure: Any) -> Any:
    sys.stdout.write(f"Measuring {name} …\n")
    sys.stdout.flush()
    return measure()


if __name__ == "__main__":
    sys.exit(main())
