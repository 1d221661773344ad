"""A small flood of tokens whose keys nobody knows.

How often the core asks for the key set meanwhile cannot be seen from outside, but in the log of
identity. What can be seen is what the limit is for: that nobody else waits.
"""

import asyncio
import time
from statistics import median

import httpx

from shared_lib.doctor._bearer import forger
from shared_lib.doctor._deployment import Deployment, Place
from shared_lib.doctor._examination import examination

_SECTION = "flood"
_TOKENS = 50
_WITNESSES = 5
_TIMES = 20  # that others may wait longer meanwhile, and some seconds more
_SLACK = 3.0


@examination(
    _SECTION,
    f"{_TOKENS} tokens under unknown keys at once are refused, each of them",
    "RFC 8725 §3.10, OpenID Connect Core §10.1.1",
)
async def refused(deployment: Deployment) -> list[str]:
    answers, _, _ = await _flood(deployment)
    statuses = [answer.status_code for answer in answers if not _is_refused(answer)]
    return [f"{statuses.count(each)} are answered with {each}" for each in sorted(set(statuses))]


@examination(
    _SECTION,
    "meanwhile tokens under known keys are looked at as before",
    "RFC 8725 §3.10, OpenID Connect Core §10.1.1",
)
async def others_served(deployment: Deployment) -> list[str]:
    _, before, meanwhile = await _flood(deployment)
    most = _TIMES * median(before) + _SLACK
    slowest = max(meanwhile)
    if slowest <= most:
        return []
    return [f"they wait {slowest:.1f} s, and {median(before):.3f} s without a flood"]


EXAMINATIONS = (refused, others_served)


def _is_refused(answer: httpx.Response) -> bool:
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        # Identity is away, so that nobody can say whether there is such a key.
        return "keys_unavailable" in answer.text
    return answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS)


_Flood = tuple[list[httpx.Response], list[float], list[float]]


async def _flood(deployment: Deployment) -> _Flood:
    """Every answer, and the seconds that tokens under a known key took before and meanwhile."""

    async def make() -> _Flood:
        place, forge = deployment.core, await forger(deployment)
        known = forge.foreign()
        before = [await _seconds(deployment, place, known) for _ in range(_WITNESSES)]
        tokens = [forge.unknown_kid() for _ in range(_TOKENS)]
        flood = asyncio.gather(*(deployment.with_token(place, token) for token in tokens))
        try:
            meanwhile = [await _seconds(deployment, place, known) for _ in range(_WITNESSES)]
        finally:
            answers = await flood
        return list(answers), before, meanwhile

    return await deployment.once("flood", make)


async def _seconds(deployment: Deployment, place: Place, token: str) -> float:
    started = time.monotonic()
    await deployment.with_token(place, token)
    return time.monotonic() - started
