"""What the operating system knows of a process: where it runs, its time on a processor, memory."""

import os
import sys
from contextlib import suppress
from enum import Enum
from pathlib import Path

_NANOSECONDS = 1e9
_AVAILABLE = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Processor(Enum):
    """Server and load each have a processor of their own, where there are two."""

    SERVER = 0
    LOAD = -1

    def number(self) -> int | None:
        """Of this machine; None where nothing can be pinned."""
        return _AVAILABLE[self.value] if len(_AVAILABLE) > 1 else None


def pin(pid: int, processor: Processor) -> None:
    """Keep every thread of a process, and what it starts from now on, on one processor, where the
    system can.
    """
    number = processor.number()
    if number is None:
        return
    for thread in _threads(pid):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, {number})


def unpin(pid: int) -> None:
    """Let a process run wherever this one was allowed to, when it began."""
    for thread in _threads(pid) if len(_AVAILABLE) > 1 else ():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, _AVAILABLE)


def seconds_on_processor(*pids: int) -> float:
    """Of all threads of these processes since they began; 0.0 where the system does not say."""
    total = 0
    for pid in pids:
        for thread in _threads(pid):
            with suppress(OSError):
                text = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text()
                total += int(text.split()[0])
    return total / _NANOSECONDS


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that live."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]
    return []


def memory(pid: int) -> dict[str, int]:
    """`Rss` and `Pss` of a process in KiB; empty where the system does not say."""
    found = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in {"Rss", "Pss"}:
                found[name] = int(rest.split()[0])
    return found


def describe() -> str:
    """The machine in a line."""
    model = "unknown processor"
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} x {model}, {sys.platform}, Python {version}"


def _threads(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    return []
