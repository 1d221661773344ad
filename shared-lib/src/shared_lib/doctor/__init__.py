"""The self-test of a deployment: what the standards ask of it, looked at from outside.

A module per subject. Each examination is one clause or a few that say one thing.
"""

from collections.abc import Collection

import httpx

from shared_lib.checks import Check
from shared_lib.doctor import (
    _bearer,
    _browsers,
    _database,
    _discovery,
    _flood,
    _keys,
    _reach,
    _refresh_cookie,
    _revocation,
    _token_endpoint,
    _tokens,
)
from shared_lib.doctor._deployment import Deployment, NotLookedAt, Target
from shared_lib.doctor._examination import Examination, run

__all__ = ["EXAMINATIONS", "Deployment", "Examination", "NotLookedAt", "Target", "examine"]

_REACH = _reach.EXAMINATIONS
_REST = (
    *_discovery.EXAMINATIONS,
    *_keys.EXAMINATIONS,
    *_token_endpoint.EXAMINATIONS,
    *_bearer.EXAMINATIONS,
    *_tokens.EXAMINATIONS,
    *_revocation.EXAMINATIONS,
    *_flood.EXAMINATIONS,
    *_browsers.EXAMINATIONS,
    *_refresh_cookie.EXAMINATIONS,
    *_database.EXAMINATIONS,
)
EXAMINATIONS = (*_REACH, *_REST)
"""All of them, in the order in which they are told."""


async def examine(
    target: Target,
    *,
    only: Collection[str] = (),
    accepted: Collection[str] = (),
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Check]:
    """Examine a deployment; `only` and `accepted` are full names, such as `keys.next_published`.

    Sessions that it begins it ends. Where the identity service does not answer, that is all that
    is told: nothing else would mean anything.
    """
    deployment = Deployment(target, transport)
    try:
        first = await run(_wanted(_REACH[:2], only), deployment, accepted)
        if "identity" in deployment.unreachable:
            return [check for check in first if check.faults]
        rest = await run(_wanted((*_REACH[2:], *_REST), only), deployment, accepted)
        return [*first, *rest]
    finally:
        await deployment.aclose()


def _wanted(examinations: Collection[Examination], only: Collection[str]) -> list[Examination]:
    return [each for each in examinations if not only or each.full_name in only]
