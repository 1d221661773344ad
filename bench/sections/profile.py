"""Where the core's processor time goes, by py-spy, while it is under load."""

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from bench.arena import Contender
from bench.load import put_load

_RATE = 250
_FUNCTIONS = 12


def profiled(contender: Contender, operation: str, callers: Path, seconds: int) -> dict[str, Any]:
    """Shares of the samples in percent, by package and by function; of their own time alone."""
    program = Path(sys.executable).with_name("py-spy")
    if not program.exists():
        return {"missing": "py-spy is not installed"}
    output = contender.log.with_suffix(f".{operation}.raw")
    command = [str(program), "record", "--pid", str(contender.pid), "--format", "raw"]
    command += ["--rate", str(_RATE), "--duration", str(seconds), "--output", str(output)]
    load = threading.Thread(target=put_load, args=(contender, operation, callers, seconds + 1, ()))
    load.start()
    finished = subprocess.run(  # noqa: S603 - the profiler, of our own server
        command, capture_output=True, text=True, check=False, timeout=60 + seconds
    )
    load.join()
    if finished.returncode or not output.exists():
        return {"missing": (finished.stderr.strip().splitlines() or ["py-spy failed"])[-1]}
    return shares(output.read_text())


def shares(raw: str) -> dict[str, Any]:
    """`frame;frame;… count` by line, the innermost last, summed by the innermost."""
    packages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        function, package = _place(stack.rpartition(";")[2])
        packages[package] += int(count)
        functions[f"{package} {function}"] += int(count)
    total = sum(packages.values()) or 1
    return {
        "samples": sum(packages.values()),
        "packages": _percent(packages, total, len(packages)),
        "functions": _percent(functions, total, _FUNCTIONS),
    }


def _place(frame: str) -> tuple[str, str]:
    """Function and package of `function (path:line)`."""
    function, _, rest = frame.partition(" (")
    path = rest.rpartition(":")[0] or rest.rstrip(")")
    parts = path.split("/")
    for marker in ("site-packages", "src"):
        if marker in parts[:-1]:
            parts = parts[parts.index(marker) + 1 :]
            return function, parts[0].removesuffix(".py")
    if parts[0] == "app":
        return function, "app"
    return function, parts[0].removesuffix(".py") if len(parts) > 1 else "python"


def _percent(counted: Counter[str], total: int, most: int) -> dict[str, float]:
    return {
        name: round(100 * count / total, 1)
        for name, count in counted.most_common(most)
        if count / total >= 0.01  # noqa: PLR2004 - one percent
    }
