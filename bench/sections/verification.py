"""What it costs to verify a token: by us, cold and cached, and by PyJWT."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt

from bench.plan import Plan
from bench.rounds import in_turn, ratio
from shared_lib.ids import uuid7
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier

_CALLS = 20
_ROUNDS_FOR_ONE = 40


def measure(plan: Plan) -> dict[str, Any]:
    """Microseconds of a processor per token, the least that was seen, and ratios to `cold`."""
    issuer = TokenIssuer()
    token = issuer.person(tenant_id=uuid7(), lifetime=3600)
    key = issuer.signing_key.private.public_key()

    def verifier(cache_size: int) -> TokenVerifier:
        return TokenVerifier(
            issuer=issuer.issuer, keys=issuer.keys, audience=CORE_AUDIENCE, cache_size=cache_size
        )

    async def by_pyjwt() -> Any:
        return jwt.decode(
            token, key, algorithms=["RS256"], audience=CORE_AUDIENCE, issuer=issuer.issuer
        )

    cold, cached = verifier(0), verifier(10)
    measures = {
        "cold": lambda: _cost(lambda: cold.verify(token)),
        "cached": lambda: _cost(lambda: cached.verify(token)),
        "pyjwt": lambda: _cost(by_pyjwt),
    }
    costs = in_turn(measures, plan.rounds * _ROUNDS_FOR_ONE)
    return {
        name: {
            "microseconds": round(min(each), 1),
            "ratio_to_cold": vars(ratio(costs["cold"], each)),
        }
        for name, each in costs.items()
    }


def _cost(call: Callable[[], Awaitable[Any]]) -> float:
    async def calls() -> float:
        before = time.thread_time()
        for _ in range(_CALLS):
            await call()
        return (time.thread_time() - before) / _CALLS * 1e6

    return asyncio.run(calls())
