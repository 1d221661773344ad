"""How much memory each process takes, after it was used."""

from typing import Any

from bench.machine import memory
from tests.system import System

_MIB = 1024


def measure(system: System) -> dict[str, Any]:
    """MiB of each process: all of it, and its share where pages are shared."""
    found = {}
    for process in system.processes:
        taken = memory(process.pid)
        name = process.log.path.stem
        found[name] = {kind.lower(): round(kib / _MIB) for kind, kib in taken.items()}
    return found
