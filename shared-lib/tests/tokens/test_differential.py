"""Against two other libraries: no laxer than they, stricter for a reason, and not needlessly."""

import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey

from shared_lib.testing.hostile import (
    CAP,
    GOOD_TOKENS,
    Place,
    hostile_tokens,
)
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    ORGANIZATION_ROLES,
    PLATFORM_ROLES,
)

from .others import (
    FORGER,
    ISSUER,
    NOW,
    REQUIRED,
    STRICTER,
    compare,
    joserfc_accepts,
    our_reason,
    pyjwt_accepts,
    standing_still,
)

# How long it takes to draw an example says how busy the machine is.
EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def still() -> Iterator[None]:
    with standing_still():
        yield


async def test_the_corpus_says_where_we_are_stricter_and_why() -> None:
    shown = [token for place, _, token in hostile_tokens() if place == Place.CORE]
    needed = {await compare(token) for token in shown} - {None}
    assert needed == set(STRICTER)


@pytest.mark.parametrize("name", [good.name for good in GOOD_TOKENS if Place.CORE in good.places])
async def test_good_tokens_are_good_everywhere(name: str) -> None:
    token = next(good for good in GOOD_TOKENS if good.name == name).make(FORGER)
    assert await our_reason(token) is None
    assert (pyjwt_accepts(token), joserfc_accepts(token)) == (True, True)


UUIDS = st.uuids().map(str)
NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)
TEXTS = st.text(st.characters(exclude_characters="[{", exclude_categories=["Cs"]), max_size=8)
EXTRAS = st.dictionaries(
    TEXTS.map("x_".__add__),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**64), 2**64) | TEXTS
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
        max_leaves=6,
    ),
    max_size=3,
)  # fmt: skip


@st.composite
def good_claims(draw: st.DrawFn) -> dict[str, Any]:
    """Claims of any kind of token for the core, anywhere inside of the rules."""
    life = draw(st.integers(1, 3600))
    iat = NOW + draw(st.integers(-life - 29, 30))
    audiences = st.lists(NAMES.filter(lambda n: not n.endswith("/internal")), max_size=7)
    several = draw(audiences.map(lambda names: [*names, CORE_AUDIENCE]).flatmap(st.permutations))
    claims: dict[str, Any] = {
        "iss": ISSUER.issuer,
        "aud": draw(st.sampled_from([CORE_AUDIENCE, [CORE_AUDIENCE], several])),
        "sub": draw(UUIDS),
        "client_id": draw(NAMES),
        "jti": draw(NAMES),
        "iat": iat,
        "exp": iat + life,
    }
    session = {
        "sid": draw(UUIDS),
        "auth_time": draw(st.integers(0, iat + 30)),
        "amr": draw(st.lists(NAMES, min_size=1, max_size=8)),
    }
    roles, staff = sorted(ORGANIZATION_ROLES), sorted(PLATFORM_ROLES)
    organization = {"tenant_id": draw(UUIDS), "role": draw(st.sampled_from(roles))}
    support = {
        "aud": draw(st.sampled_from([CORE_AUDIENCE, [CORE_AUDIENCE]])),
        "role": draw(st.sampled_from(["support", *roles])),
        "act": {"sub": draw(UUIDS), "role": draw(st.sampled_from(staff))},
        "support": {"id": draw(UUIDS), "mode": draw(st.sampled_from(["read_only", "read_write"]))},
    }
    kinds = (
        session,
        session | organization,
        session | {"role": draw(st.sampled_from(staff))},
        organization,
        session | organization | support,
    )
    claims.update(draw(st.sampled_from(kinds)), **draw(EXTRAS))
    if draw(st.booleans()):
        claims["nbf"] = draw(st.integers(-(10**9), NOW + 30))
    return dict(draw(st.permutations(list(claims.items()))))


@st.composite
def good_headers(draw: st.DrawFn) -> dict[str, Any]:
    """A header with either media type in any case, and with members that nobody knows."""
    header = FORGER.good_header | draw(EXTRAS)
    types = ("at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt")
    header["typ"] = draw(st.sampled_from(types))
    return header


SPELLED: dict[str, Any] = {
    "short": {"separators": (",", ":")},
    "indented": {"indent": 1},
    "in UTF-8": {"ensure_ascii": False},
}


def spelled(header: dict[str, Any], claims: dict[str, Any], how: str = "short") -> str:
    """Signed, and spelled as one JSON writer or another does."""
    first, second = (
        json.dumps(part, **SPELLED[how]).encode("utf-8", "surrogatepass")
        for part in (header, claims)
    )
    return FORGER.raw(header=first, payload=second)


@EXAMPLES
@given(header=good_headers(), claims=good_claims(), how=st.sampled_from(sorted(SPELLED)))
async def test_generated_good_tokens_are_good_everywhere(
    header: dict[str, Any], claims: dict[str, Any], how: str
) -> None:
    token = spelled(header, claims, how)
    assert len(token) <= CAP
    assert await our_reason(token) is None
    assert (pyjwt_accepts(token), joserfc_accepts(token)) == (True, True)


@EXAMPLES
@given(claims=good_claims())
async def test_what_another_library_signed_is_good(claims: dict[str, Any]) -> None:
    header = {"typ": "at+jwt", "kid": FORGER.kid}
    private = ISSUER.signing_key.private
    assert await our_reason(jwt.encode(claims, private, "RS256", headers=header)) is None
    key = RSAKey.import_key(private)
    payload = json.dumps(claims).encode()
    theirs = jws.serialize_compact(header | {"alg": "RS256"}, payload, key)
    assert await our_reason(theirs) is None


BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([NOW - 31, NOW - 30, NOW - 29, NOW, NOW + 30, NOW + 31, NOW + 0.5, str(NOW)]),
    st.sampled_from([CORE_AUDIENCE, IDENTITY_AUDIENCE, f"{CORE_AUDIENCE}/internal"]),
    st.sampled_from(
        [ISSUER.issuer, ISSUER.issuer + "/", "RS256", "none", "HS256", "at+jwt", "JWT"]
    ),
    st.sampled_from(["owner", "support", "platform_admin", "read_only", FORGER.kid]),
    UUIDS,
    st.uuids().map(lambda uuid: uuid.urn),
    st.sampled_from([[], {}, [CORE_AUDIENCE], [CORE_AUDIENCE] * 9, ["exp"], {"kty": "oct"}]),
)
ABSENT = st.just(...)
MEMBERS = ("alg", "typ", "kid", "crit", "b64", "zip", "enc", "cty", "jku", "jwk", "x5c", "x5u")
CLAIMS = (*REQUIRED, "nbf", "sid", "auth_time", "amr", "tenant_id", "role", "act", "support", "x")


def changed(good: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """With members replaced, added or, for an ellipsis, left out."""
    return {name: value for name, value in (good | changes).items() if value is not ...}


@EXAMPLES
@given(
    header=st.dictionaries(st.sampled_from(MEMBERS), ANYTHING | ABSENT, max_size=2),
    claims=good_claims(),
)
async def test_headers_of_any_kind(header: dict[str, Any], claims: dict[str, Any]) -> None:
    await compare(spelled(changed(FORGER.good_header, header), claims))


@settings(EXAMPLES, max_examples=300)
@given(
    claims=good_claims(),
    changes=st.dictionaries(st.sampled_from(CLAIMS), ANYTHING | ABSENT, max_size=2),
)
async def test_claims_of_any_kind(claims: dict[str, Any], changes: dict[str, Any]) -> None:
    await compare(spelled(FORGER.good_header, changed(claims, changes)))


@EXAMPLES
@given(
    header=st.dictionaries(st.sampled_from(MEMBERS), ANYTHING),
    claims=st.dictionaries(st.sampled_from(CLAIMS), ANYTHING),
)
async def test_tokens_built_from_nothing(header: dict[str, Any], claims: dict[str, Any]) -> None:
    await compare(spelled(header, claims))


@EXAMPLES
@given(data=st.data(), claims=good_claims())
async def test_one_changed_letter_is_accepted_by_nobody(
    data: st.DataObject, claims: dict[str, Any]
) -> None:
    token = spelled(FORGER.good_header, claims)
    position = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(BASE64URL + ".=+/ "))
    different = token[:position] + letter + token[position + 1 :]
    if different != token:
        assert await our_reason(different) is not None
        await compare(different)


@EXAMPLES
@given(data=st.data(), first=good_claims(), second=good_claims())
async def test_cut_doubled_and_joined_tokens(
    data: st.DataObject, first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = spelled(FORGER.good_header, first), spelled(FORGER.good_header, second)
    cut, resume = data.draw(st.integers(0, len(one))), data.draw(st.integers(0, len(other)))
    await compare(one[:cut] + data.draw(st.text(max_size=4)) + other[resume:])


@EXAMPLES
@given(header=st.binary(max_size=200), payload=st.binary(max_size=200))
async def test_rightly_signed_rubbish(header: bytes, payload: bytes) -> None:
    token = FORGER.raw(header=header, payload=payload)
    assert await our_reason(token) is not None
    await compare(token)


@EXAMPLES
@given(token=st.text(max_size=300))
async def test_any_text_at_all(token: str) -> None:
    assert await our_reason(token) is not None
    await compare(token)
