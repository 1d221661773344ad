"""What a token can cost: nothing above the cap, and below it little more than a good one."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from typing_extensions import override

from shared_lib.errors import InvalidToken
from shared_lib.testing.forgery import Forger
from shared_lib.testing.hostile import (
    CAP,
    HOSTILE_TOKENS,
    HostileToken,
    Place,
    corpus_forger,
    filled_to,
    hostile_tokens,
)
from shared_lib.testing.tokens import StaticKeys
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier, VerificationKey, base64url_encode

# The costliest measured 1.3. A step that is quadratic in its input costs hundreds of times as much.
GENEROUS = 10


class CountingKeys:
    """A KeySource that counts how often it is asked."""

    def __init__(self, keys: StaticKeys) -> None:
        self._keys = keys
        self.asked = 0

    async def key(self, kid: str) -> VerificationKey | None:
        self.asked += 1
        return await self._keys.key(kid)


class Watched(str):
    """A text that counts how often it is taken apart; its slices are ordinary texts."""

    __slots__ = ("taken_apart",)

    def __init__(self, _: str) -> None:
        self.taken_apart = 0

    @override
    def split(self, *arguments: object, **named: object) -> list[str]:
        self.taken_apart += 1
        return str(self).split(".")


def forger() -> Forger:
    return corpus_forger(CORE_AUDIENCE)


def verifier(keys: CountingKeys | None = None) -> TokenVerifier:
    issuer = forger().issuer
    return TokenVerifier(
        issuer=issuer.issuer,
        keys=keys or issuer.keys,
        audience=CORE_AUDIENCE,
        clock=issuer.now,
        cache_size=0,
    )


async def test_above_the_cap_nothing_is_parsed() -> None:
    keys = CountingKeys(forger().issuer.keys)
    above, at = Watched(filled_to(forger(), CAP + 1)), Watched(filled_to(forger(), CAP))
    with pytest.raises(InvalidToken):
        await verifier(keys).verify(above)
    assert (above.taken_apart, keys.asked) == (0, 0)
    await verifier(keys).verify(at)
    assert (at.taken_apart, keys.asked) == (1, 1)


@pytest.mark.parametrize(
    "vector",
    [
        vector
        for vector in HOSTILE_TOKENS
        if vector.group in {"encoding", "header", "size", "structure", "typ"}
        or vector.reason in {"alg", "kid"}
    ],
    ids=lambda vector: vector.name,
)
async def test_no_key_is_asked_for_before_the_envelope_is_right(vector: HostileToken) -> None:
    """So nobody makes us fetch keys but with a name that a key could have."""
    keys = CountingKeys(forger().issuer.keys)
    with pytest.raises(InvalidToken):
        await verifier(keys).verify(vector.make(forger()))
    assert keys.asked == 0


async def cost(token: str, times: int = 10) -> int:
    """The processor time of one refusal or acceptance, in nanoseconds: the least of several."""
    made = verifier()
    measured = []
    for _ in range(times):
        began = time.thread_time_ns()
        with suppress(InvalidToken):
            await made.verify(token)
        measured.append(time.thread_time_ns() - began)
    return min(measured)


def _of_numbers(made: Forger) -> str:
    return made.raw(payload=b'{"x":' + b"9" * 4200 + b"}")


WORST: dict[str, Callable[[Forger], str]] = {
    "a long claim": lambda f: filled_to(f, CAP),
    "one long number": _of_numbers,
    "a long fraction": lambda f: f.raw(payload=b'{"x":0.' + b"9" * 5000 + b"}"),
    "a long exponent": lambda f: f.raw(payload=b'{"x":1e-' + b"9" * 5000 + b"}"),
    "many claims": lambda f: f.member(**{f"{number:x}": 0 for number in range(600)}),
    "names that collide": lambda f: f.member(
        **{str(number * (2**61 - 1)): 0 for number in range(200)}
    ),
    "many escapes": lambda f: f.raw(payload=b'{"x":"' + rb"\u0061" * 830 + b'"}'),
    "brackets in a text": lambda f: f.raw(payload=b'{"x":"' + b"[" * 5000 + b'"}'),
    "spaces": lambda f: f.raw(payload=b" " * 5000 + b"{}"),
    "dots": lambda _: "." * CAP,
    "a long signature": lambda f: f.unsigned() + "." + base64url_encode(bytes(5000)),
    "a long kid": lambda f: f.header(kid="k" * 4000),
    "no base64url at its end": lambda _: "A" * (CAP - 5) + "=.e.e",
}


@pytest.mark.parametrize("name", WORST)
async def test_the_worst_token_costs_little_more_than_a_good_one(name: str) -> None:
    token = WORST[name](forger())
    assert len(token) <= CAP
    assert await cost(token) < GENEROUS * await cost(forger().good())


async def test_no_hostile_token_costs_much() -> None:
    good = await cost(forger().good())
    costs = {
        name: await cost(token, times=3) / good
        for place, name, token in hostile_tokens()
        if place == Place.CORE
    }
    assert {name: ratio for name, ratio in costs.items() if ratio >= GENEROUS} == {}
