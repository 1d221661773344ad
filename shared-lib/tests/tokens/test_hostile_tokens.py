"""The corpus of hostile tokens before our verifier: each is refused, and for its own reason."""

import ast
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from shared_lib import tokens
from shared_lib.errors import InvalidToken
from shared_lib.testing.hostile import (
    GOOD_TOKENS,
    HOSTILE_TOKENS,
    HOSTILE_TRANSPORTS,
    HostileToken,
    Place,
    corpus_forger,
    corpus_page,
    hostile_tokens,
    unrefused,
    unrefused_transports,
)
from shared_lib.testing.tokens import StaticKeys
from shared_lib.tokens import CORE_AUDIENCE, TokenData, TokenVerifier
from shared_lib.web import BearerMiddleware

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "hostile-tokens.md"
SOURCES = Path(tokens.__file__).parent
GROUPS = {
    "alg",
    "audience",
    "delegation",
    "encoding",
    "header",
    "identifiers",
    "issuer",
    "json",
    "keys",
    "kid",
    "kinds",
    "missing claims",
    "other tokens",
    "roles",
    "signature",
    "size",
    "structure",
    "time",
    "typ",
}


def at(place: Place) -> dict[str, str]:
    """Every hostile token that is shown there, by its name."""
    return {name: token for where, name, token in hostile_tokens() if where == place}


async def refusal_of(vector: HostileToken) -> str:
    """What the verifier notes when it refuses a token, for our eyes only."""
    place = vector.main_place
    issuer = corpus_forger(place.audience).issuer
    verifier = TokenVerifier(
        issuer=issuer.issuer, keys=issuer.keys, audience=place.audience, clock=issuer.now
    )
    token = at(place)[vector.name]
    with pytest.raises(InvalidToken) as refused:
        await verifier.verify(token, internal=place.internal)
    assert refused.value.message == InvalidToken.title, "the client learns no reason"
    with pytest.raises(InvalidToken) as again:  # a refusal is never cached into something else
        await verifier.verify(token, internal=place.internal)
    assert str(again.value.__cause__) == str(refused.value.__cause__)
    return str(refused.value.__cause__)


@pytest.mark.parametrize("vector", HOSTILE_TOKENS, ids=lambda vector: vector.name)
async def test_a_hostile_token_is_refused_for_its_reason(vector: HostileToken) -> None:
    assert vector.reason in await refusal_of(vector)


def test_the_corpus_is_what_it_says_it_is() -> None:
    names = [vector.name for vector in HOSTILE_TOKENS]
    assert len(names) == len(set(names)) >= 120
    assert {vector.group for vector in HOSTILE_TOKENS} == GROUPS
    assert all(vector.clause and vector.places for vector in HOSTILE_TOKENS)
    ways = [vector.name for vector in HOSTILE_TRANSPORTS]
    assert len(ways) == len(set(ways)) >= 40
    for place in Place:
        shown = [token for token in at(place).values() if token]
        assert len(shown) == len(set(shown)), "two names for one token"


def test_nothing_is_let_through_anywhere_and_nothing_good_is_refused() -> None:
    assert unrefused() == []
    assert unrefused_transports() == []


async def test_every_rule_of_the_verifier_is_broken_by_a_token() -> None:
    reasons = {await refusal_of(vector) for vector in HOSTILE_TOKENS}
    assert written_reasons() - reasons == set()


def written_reasons() -> set[str]:
    """What the source of the tokens raises with a text of its own."""
    return {
        node.exc.args[0].value
        for path in SOURCES.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in ("TokenRefused", "ValueError")
        and isinstance(node.exc.args[0], ast.Constant)
        and isinstance(node.exc.args[0].value, str)
    }


def test_the_page_is_that_of_this_corpus() -> None:
    if PAGE.read_text() != corpus_page():
        pytest.fail("docs/reference/hostile-tokens.md is old: run `make docs`")


class Believer(TokenVerifier):
    """Accepts whatever it is shown."""

    @override
    async def verify(self, token: str, *, internal: bool = False) -> TokenData:
        issuer = corpus_forger(self._audience).issuer
        good = corpus_forger(self._audience).good()
        own = TokenVerifier(
            issuer=issuer.issuer, keys=issuer.keys, audience=self._audience, clock=issuer.now
        )
        return await own.verify(good)


class Sceptic(TokenVerifier):
    """Refuses whatever it is shown."""

    @override
    async def verify(self, token: str, *, internal: bool = False) -> TokenData:
        raise InvalidToken


class Stumbler(TokenVerifier):
    """Lets the exceptions of hostile input escape."""

    @override
    async def verify(self, token: str, *, internal: bool = False) -> TokenData:
        try:
            return await super().verify(token, internal=internal)
        except InvalidToken as refused:
            raise refused.__cause__ or refused from None


class Forgetful(TokenVerifier):
    """Does not look where it is asked, and forgets no key."""

    @override
    async def verify(self, token: str, *, internal: bool = False) -> TokenData:
        return await super().verify(token)

    @override
    def forget_key(self, kid: str) -> None:
        return


def test_a_verifier_that_is_wrong_is_found_out() -> None:
    everything = {f"{place}: {name}: accepted" for place, name, _ in hostile_tokens()}
    assert everything <= set(unrefused(Believer))
    assert f"core: {GOOD_TOKENS[0].name}: refused" in unrefused(Sceptic)
    assert "core: alg none: TokenRefused" in unrefused(Stumbler)
    assert "core: letters beyond ASCII: UnicodeEncodeError" in unrefused(Stumbler)
    forgotten = unrefused(Forgetful)
    assert "core/internal: a person's token at an internal operation: accepted" in forgotten
    assert "core: an hour to live after its key is revoked: accepted" in forgotten


class Cookies(BearerMiddleware):
    """Takes a token from a cookie, too."""

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for name, value in list(scope["headers"]):
            if name == b"cookie" and value.startswith(b"access_token="):
                bearer = b"Bearer " + value.partition(b"=")[2]
                scope["headers"].append((b"authorization", bearer))
        await super().__call__(scope, receive, send)


def test_a_middleware_that_is_wrong_is_found_out() -> None:
    assert unrefused_transports(Cookies) == ["elsewhere: cookie access_token: accepted"]


@pytest.mark.parametrize("value", [None, 1, b"token", ["token"]])
async def test_what_is_no_string_is_no_token(value: Any) -> None:
    verifier = TokenVerifier(issuer="i", keys=StaticKeys(), audience=CORE_AUDIENCE)
    with pytest.raises(InvalidToken):
        await verifier.verify(value)
