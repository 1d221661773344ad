"""The load tool: wrk (Debian: `apt install wrk`), run beside the servers."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bench.arena import Contender
from bench.machine import seconds_on_processor

SCRIPT = Path(__file__).with_name("load.lua")
_CONNECTIONS = 32


class LoadToolMissing(Exception):
    """wrk is not there. The message says how to get it."""


class LoadFailed(Exception):
    """Answers that were not 2xx: nothing was measured."""


@dataclass(frozen=True)
class Slice:
    """What one contender did in one short time.

    `rate` in requests per second; `server` and `database` in microseconds of a processor per
    request; `p50`, `p99` in microseconds.
    """

    rate: float
    server: float
    database: float
    p50: int
    p99: int


def wrk() -> str:
    """Its path. Raises LoadToolMissing."""
    found = shutil.which("wrk")
    if found is None:
        raise LoadToolMissing("wrk is not installed: apt install wrk (Debian), brew install wrk")
    return found


def put_load(
    contender: Contender, operation: str, callers: Path, seconds: float, backends: Sequence[int]
) -> Slice:
    """Have every connection ask for `operation` as fast as it is answered. Raises LoadFailed."""
    served, queried = seconds_on_processor(contender.pid), seconds_on_processor(*backends)
    result = _run(contender.url, operation, callers, seconds)
    served = seconds_on_processor(contender.pid) - served
    queried = seconds_on_processor(*backends) - queried
    requests = result["requests"]
    if result["errors"] or not requests:
        said = contender.log.read_text()[-2000:]
        raise LoadFailed(f"{contender.name} {operation}: {result}\n{said}")
    return Slice(
        rate=requests / result["microseconds"] * 1e6,
        server=served / requests * 1e6,
        database=queried / requests * 1e6,
        p50=result["p50"],
        p99=result["p99"],
    )


def _run(url: str, operation: str, callers: Path, seconds: float) -> dict[str, int]:
    command = [wrk(), "--threads", "1", "--connections", str(_CONNECTIONS), "--latency"]
    # wrk takes whole seconds only.
    command += ["--duration", f"{max(1, round(seconds))}s", "--script", str(SCRIPT), url]
    command += ["--", operation, str(callers), uuid4().hex[:12]]
    finished = subprocess.run(  # noqa: S603 - the load tool, against our own servers
        command, capture_output=True, text=True, check=False, timeout=60 + 2 * seconds
    )
    _, found, line = finished.stdout.partition("RESULT ")
    if not found:
        raise LoadFailed(f"{url} {operation}: {finished.stdout}{finished.stderr}")
    result: dict[str, int] = json.loads(line)
    return result
