"""Whether a verifier refuses the whole corpus, and a middleware every hostile transport."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any
from uuid import UUID

from starlette.types import Receive, Scope, Send

from shared_lib.errors import ApiError, InvalidToken
from shared_lib.testing.forgery import Forger
from shared_lib.testing.hostile._good import GOOD_TOKENS
from shared_lib.testing.hostile._tokens import HOSTILE_TOKENS
from shared_lib.testing.hostile._transports import GOOD_TRANSPORTS, HOSTILE_TRANSPORTS
from shared_lib.testing.hostile._vector import GoodToken, HostileToken, Place, Sent
from shared_lib.testing.tokens import ManualClock, StaticKeys, TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, IDENTITY_AUDIENCE, TokenVerifier, VerificationKey
from shared_lib.web import BearerMiddleware

__all__ = [
    "Shown",
    "corpus_forger",
    "good_tokens",
    "hostile_tokens",
    "unrefused",
    "unrefused_transports",
]

Shown = tuple[Place, str, str]
"""Where a token is shown, its name, and the token."""

_NOW = float(int(time.time()))
_LATER = 2 * 3600  # seconds, by which every token is dead


@cache
def corpus_forger(audience: str) -> Forger:
    """Who makes the tokens of the corpus for a service; his clock stands still."""
    return Forger(TokenIssuer(clock=lambda: _NOW), audience=audience)


@cache
def hostile_tokens() -> tuple[Shown, ...]:
    """Every hostile token for each of its places; signed once in a process, which takes seconds."""
    return _shown(HOSTILE_TOKENS)


@cache
def good_tokens() -> tuple[Shown, ...]:
    """Every good token for each of its places, by the same issuer at the same time."""
    return _shown(GOOD_TOKENS)


def _shown(vectors: Sequence[HostileToken | GoodToken]) -> tuple[Shown, ...]:
    tokens = {
        (vector.name, audience): vector.make(corpus_forger(audience))
        for vector in vectors
        for audience in {place.audience for place in vector.places}
    }
    return tuple(
        (place, vector.name, tokens[vector.name, place.audience])
        for vector in vectors
        for place in sorted(vector.places)
    )


class _LosingKeys:
    """A KeySource that can lose its keys."""

    def __init__(self, keys: StaticKeys) -> None:
        self._keys = keys
        self.lost = False

    async def key(self, kid: str) -> VerificationKey | None:
        """See KeySource."""
        return None if self.lost else await self._keys.key(kid)


def unrefused(verifier: Callable[..., TokenVerifier] = TokenVerifier) -> list[str]:
    """What a verifier does wrong with the corpus: nothing, when it is ours.

    `verifier` is called with the arguments of TokenVerifier, once for each service. Each line has
    a place, the name of a token and what happened: accepted, though it is hostile, expired, or of
    a key that was forgotten; refused, though it is good; refused by another rule than its own, so
    that a missing one is noticed where the next one helps; or an exception that is no InvalidToken.
    """
    return asyncio.run(_unrefused(verifier))


async def _unrefused(verifier: Callable[..., TokenVerifier]) -> list[str]:
    found: list[str] = []
    for audience in (CORE_AUDIENCE, IDENTITY_AUDIENCE):
        clock, keys = ManualClock(_NOW), _LosingKeys(corpus_forger(audience).issuer.keys)
        issuer = corpus_forger(audience).issuer
        made = verifier(issuer=issuer.issuer, keys=keys, audience=audience, clock=clock)
        good = [shown for shown in good_tokens() if shown[0].audience == audience]
        hostile = [shown for shown in hostile_tokens() if shown[0].audience == audience]
        # Good ones first: what is remembered of them must help no hostile one.
        found += await _differing(made, good, wanted="accepted")
        found += await _differing(made, hostile, wanted="refused")
        found += await _differing(made, good, wanted="accepted")
        keys.lost = True
        made.forget_key(issuer.signing_key.kid)
        found += await _differing(made, good, wanted="refused", when=" after its key is revoked")
        keys.lost = False
        found += await _differing(made, good, wanted="accepted")
        clock.now += _LATER
        found += await _differing(made, good, wanted="refused", when=" hours later")
    return found


async def _differing(
    verifier: TokenVerifier, shown: list[Shown], *, wanted: str, when: str = ""
) -> list[str]:
    happened = [
        (place, name, await _outcome(verifier, token, place, _reasons().get((place, name), "")))
        for place, name, token in shown
    ]
    return [f"{place}: {name}{when}: {what}" for place, name, what in happened if what != wanted]


@cache
def _reasons() -> dict[tuple[Place, str], str]:
    """The rule that each token breaks, at the one place for which it says so."""
    return {(vector.main_place, vector.name): vector.reason for vector in HOSTILE_TOKENS}


async def _outcome(verifier: TokenVerifier, token: str, place: Place, reason: str) -> str:
    try:
        await verifier.verify(token, internal=place.internal)
    except InvalidToken as refused:
        cause = str(refused.__cause__)
        return "refused" if reason in cause else f"refused for another reason: {cause}"
    except Exception as error:  # noqa: BLE001  whatever it is, it would be a 500
        return type(error).__name__
    return "accepted"


def unrefused_transports(
    middleware: Callable[..., BearerMiddleware] = BearerMiddleware,
) -> list[str]:
    """What a bearer middleware does wrong with a good token that is sent in hostile and good ways.

    `middleware` is called as BearerMiddleware is, for an application in which nothing is public.
    """
    return asyncio.run(_unrefused_transports(middleware))


async def _unrefused_transports(middleware: Callable[..., BearerMiddleware]) -> list[str]:
    forger = corpus_forger(CORE_AUDIENCE)
    token = forger.good()
    verifier = TokenVerifier(
        issuer=forger.issuer.issuer,
        keys=forger.issuer.keys,
        audience=forger.audience,
        clock=lambda: _NOW,
    )
    made = middleware(
        _nothing,
        verifier=verifier,
        is_public=lambda _: False,
        tenant_variable=ContextVar[UUID | None]("tenant", default=None),
    )
    wanted = (
        *((each.name, each.send(token), "accepted") for each in GOOD_TRANSPORTS),
        *((each.name, each.send(token), each.code) for each in HOSTILE_TRANSPORTS),
    )
    happened = [(name, code, await _answer(made, sent)) for name, sent, code in wanted]
    return [f"{name}: {what}" for name, code, what in happened if what != code]


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Be an application in which everything is well."""


async def _answer(middleware: BearerMiddleware, sent: Sent) -> str:
    scope: dict[str, Any] = {
        "type": "http",
        "path": "/",
        "query_string": sent.query,
        "headers": [(name.lower(), value.strip(b" \t")) for name, value in sent.headers],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent.body}

    async def send(message: object) -> None:
        raise AssertionError(message)

    try:
        await middleware(scope, receive, send)
    except ApiError as error:
        return error.code
    except Exception as error:  # noqa: BLE001  whatever it is, it would be a 500
        return type(error).__name__
    return "accepted"
