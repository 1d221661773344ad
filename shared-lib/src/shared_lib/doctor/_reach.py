"""Whether the services answer, how, and whether they say that they can work."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from shared_lib.doctor._deployment import Deployment, NotLookedAt, Place, is_local, reason_of
from shared_lib.doctor._examination import examination

_SECTION = "deployment"
_SKEW = 30  # seconds: the leeway that verifiers give
_WORD = re.compile(r"[a-z]+(_[a-z]+)*")


@examination(_SECTION, "the identity service answers", "RFC 9110 §15")
async def identity(deployment: Deployment) -> list[str]:
    return await _answers(deployment, deployment.identity)


@examination(_SECTION, "the core answers", "RFC 9110 §15")
async def core(deployment: Deployment) -> list[str]:
    return await _answers(deployment, deployment.core)


@examination(
    _SECTION,
    "everything outside this machine is https",
    "RFC 8414 §2, RFC 6749 §3.2, RFC 6750 §5.3, ASVS 12.2.1",
)
async def https(deployment: Deployment) -> list[str]:
    return [
        f"{place.name} is called by {place.url.partition(':')[0]}: whoever is on the way reads "
        "passwords and tokens"
        for place in deployment.places
        if not place.url.startswith("https://") and not is_local(place.url)
    ]


@examination(_SECTION, "the services say that they are ready", "docs/how-to/operate.md")
async def ready(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        document = await health(deployment, place)
        status = document.get("status")
        details = document.get("details") or {}
        poor = [name for name, each in details.items() if each.get("status") != "ok"]
        poor += [
            name
            for name, each in (document.get("checks") or {}).items()
            if each.get("status") != "ok"
        ]
        if status != "ready":
            faults.append(f"{place.name} is {status}: {', '.join(poor) or 'it does not say why'}")
    return faults


@examination(_SECTION, "health tells states and figures, nothing else", "ASVS 13.4.5, 13.4.6")
async def health_discreet(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        told = await health(deployment, place)
        faults += [
            f"{place.name} /health/ready says {name} = {text[:60]!r}"
            for name, text in _texts(told)
            if not _is_discreet(text)
        ]
    return faults


@examination(
    _SECTION,
    f"clocks differ by {_SKEW} s at most",
    "RFC 7519 §4.1.4, RFC 9110 §6.6.1",
)
async def clock(deployment: Deployment) -> list[str]:
    faults = []
    for place in deployment.places:
        answer = await deployment.ask("GET", f"{place.url}/health/live")
        now = datetime.now(UTC)
        if "date" not in answer.headers:
            faults.append(f"{place.name} sends no Date")
            continue
        skew = (parsedate_to_datetime(answer.headers["date"]) - now).total_seconds()
        if abs(skew) > _SKEW:
            way = "ahead of" if skew > 0 else "behind"
            faults.append(f"the clock of {place.name} is {abs(skew):.0f} s {way} this machine's")
    return faults


EXAMINATIONS = (identity, core, https, ready, health_discreet, clock)


async def health(deployment: Deployment, place: Place, *, again: bool = False) -> dict[str, Any]:
    """What a service says about its readiness; said before, unless `again`. Raises NotLookedAt."""
    if again:
        answer = await deployment.ask("GET", f"{place.url}/health/ready")
    else:
        answer = await deployment.get(place, "/health/ready")
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise NotLookedAt(f"/health/ready of {place.name} cannot be read")
    return document


async def _answers(deployment: Deployment, place: Place) -> list[str]:
    try:
        answer = await deployment.get(place, "/health/live")
    except httpx.HTTPError as error:
        deployment.unreachable[place.name] = reason_of(error)
        return [reason_of(error)]
    if answer.is_redirect:
        return [f"{place.url} redirects to {answer.headers.get('location')}: name that one"]
    if answer.status_code != httpx.codes.OK:
        return [f"{place.url}/health/live is answered with {answer.status_code}"]
    return []


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the names that lead to it; names are texts, too."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{name}.{key}".lstrip("."), key
            yield from _texts(each, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, name)
    elif isinstance(value, str):
        yield name, value


def _is_discreet(text: str) -> bool:
    if _WORD.fullmatch(text):
        return True
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
