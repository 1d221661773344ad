"""The tables: printed at the end of a run, and kept in README.md between its markers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
_NAMES = {
    "protected": "core, everything on",
    "unprotected": "core, neither token nor RLS",
    "by_hand": "floor",
    "cached": "floor, 3 round trips, tokens remembered",
}
_TARGET = 0.9
_FLAT = 0.9


def tables(results: dict[str, Any]) -> str:
    """All of it in Markdown."""
    lines = [f"`{results['command']}`, {results['date']}, on {results['machine']}.", ""]
    for part, written in (
        ("protection", _protection),
        ("growth", _growth),
        ("verification", _verification),
        ("identity", _identity),
        ("memory", _memory),
    ):
        if part in results:
            lines += [*written(results[part]), ""]
    if "protection" in results:
        lines += [*_profiles(results["protection"]["profiles"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def write(text: str, path: Path = README) -> None:
    """Put `text` between the markers of a file. Raises ValueError where there are none."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no markers for the figures")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['greatest']:.2f})"


def _protection(part: dict[str, Any]) -> Iterator[str]:
    yield f"### What the protections cost ({part['size']} popups)"
    yield ""
    yield (
        "| operation | | requests/s | server µs | PostgreSQL µs | p99 ms "
        "| core / this, requests/s | the same by server time |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for operation in ("list", "get", "create"):
        for name, row in part[operation].items():
            ours = name == "protected"
            compared = "" if ours else _ratio(row["rate_ratio"])
            by_time = "" if ours else _ratio(row["cost_ratio"])
            yield (
                f"| {operation} | {_NAMES[name]} | {row['rate']:,.0f} | {row['server']:.0f} "
                f"| {row['database']:.0f} | {row['p99'] / 1000:.0f} | {compared} | {by_time} |"
            )
    yield ""
    yield from _targets(part)


def _targets(part: dict[str, Any]) -> Iterator[str]:
    for name, says in (("unprotected", "of the unprotected handler"), ("by_hand", "of the floor")):
        told = []
        for measure, meaning in (("rate_ratio", "requests/s"), ("cost_ratio", "server time")):
            reached = {
                operation: part[operation][name][measure]["median"]
                for operation in ("list", "get", "create")
            }
            said = ", ".join(f"{operation} {value:.2f}" for operation, value in reached.items())
            verdict = "reached" if min(reached.values()) >= _TARGET else "**missed**"
            told.append(f"by {meaning} {verdict} ({said})")
        yield f"- Target {_TARGET} {says}: {'; '.join(told)}."


def _growth(part: dict[str, Any]) -> Iterator[str]:
    yield "### Growth"
    yield ""
    yield (
        "| operation | organizations by popups | server µs | PostgreSQL µs "
        "| requests/s to the first |"
    )
    yield "|---|---|---|---|---|"
    flat = True
    for operation, sizes in part.items():
        costs = [row["server"] + row["database"] for row in sizes.values()]
        flat = flat and max(costs) * _FLAT <= costs[0]
        for size, row in sizes.items():
            flat = flat and row["rate_ratio"]["median"] >= _FLAT
            yield (
                f"| {operation} | {size} | {row['server']:.0f} | {row['database']:.0f} "
                f"| {_ratio(row['rate_ratio'])} |"
            )
    yield ""
    reached = "reached" if flat else "**missed**"
    yield f"- Target: flat within 10%, in requests and in the processor time of both: {reached}."


def _verification(part: dict[str, Any]) -> Iterator[str]:
    yield "### Verifying a token (RS256, 3072 bits)"
    yield ""
    yield "| | µs | times as fast as ours, cold |"
    yield "|---|---|---|"
    for name, says in (("cold", "ours, cold"), ("cached", "ours, cached"), ("pyjwt", "PyJWT")):
        yield f"| {says} | {part[name]['microseconds']} | {_ratio(part[name]['ratio_to_cold'])} |"


def _identity(part: dict[str, Any]) -> Iterator[str]:
    yield "### Identity"
    yield ""
    yield "| one client, one request after the other | server µs | ms, median |"
    yield "|---|---|---|"
    for name, row in part["tokens"].items():
        yield f"| {name} | {row['server']:.0f} | {row['p50'] / 1000:.1f} |"
    signing = part["sign_in"]
    yield ""
    yield (
        f"Signing in: {signing['sign_ins']:.0f} a second against {signing['argon2id']:.0f} bare "
        f"Argon2id verifications with {signing['threads']} threads: {_ratio(signing['ratio'])}."
    )
    yield ""
    yield "| ms, by one client | calm p50 | p99 | in a storm of sign-ins p50 | p99 |"
    yield "|---|---|---|---|---|"
    for name, row in part["storm"].items():
        calm, storm = row["calm"], row["storm"]
        yield f"| {name} | {calm['p50']} | {calm['p99']} | {storm['p50']} | {storm['p99']} |"


def _memory(part: dict[str, Any]) -> Iterator[str]:
    yield "### Memory"
    yield ""
    yield "| process | MiB resident | MiB, shared pages divided |"
    yield "|---|---|---|"
    for name, row in part.items():
        yield f"| {name} | {row.get('rss', '')} | {row.get('pss', '')} |"


def _profiles(part: dict[str, Any]) -> Iterator[str]:
    yield "### Where the core's time goes (py-spy, share of samples, each function by itself)"
    yield ""
    for operation, profile in part.items():
        if "missing" in profile:
            yield f"- {operation}: not profiled: {profile['missing']}"
            continue
        packages = ", ".join(f"{name} {share}%" for name, share in profile["packages"].items())
        functions = ", ".join(f"{name} {share}%" for name, share in profile["functions"].items())
        yield f"- **{operation}** ({profile['samples']} samples): {packages}."
        yield f"  Functions: {functions}."
