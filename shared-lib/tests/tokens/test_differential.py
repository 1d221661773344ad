"""Against two other libraries: what we accept they accept, and good tokens we all accept."""

import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey

from shared_lib.errors import InvalidToken
from shared_lib.testing.forgery import claims_of
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier, base64url_decode, base64url_encode

NOW = int(time.time())
ISSUER = TokenIssuer(clock=lambda: NOW)
PUBLIC = ISSUER.signing_key.private.public_key()
JOSERFC_KEY = RSAKey.import_key(ISSUER.jwks()["keys"][0])

GOOD = [
    ISSUER.person(),
    ISSUER.person(tenant_id=uuid4(), role="owner"),
    ISSUER.platform(),
    ISSUER.service(tenant_id=uuid4()),
    ISSUER.support(tenant_id=uuid4()),
]
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEADER_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just([]), st.just({})
)


async def _we_accept(token: str) -> bool:
    verifier = TokenVerifier(
        issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE, clock=lambda: NOW
    )
    try:
        await verifier.verify(token)
    except InvalidToken:
        return False
    return True


def _pyjwt_accepts(token: str) -> bool:
    try:
        jwt.decode(
            token,
            PUBLIC,
            algorithms=["RS256"],
            audience=CORE_AUDIENCE,
            issuer=ISSUER.issuer,
            leeway=30,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError:
        return False
    return True


def _joserfc_accepts(token: str) -> bool:
    try:
        jws.deserialize_compact(token, JOSERFC_KEY, algorithms=["RS256"])
    except Exception:  # noqa: BLE001  it has its own, and ValueError, and UnicodeError
        return False
    return True


async def _assert_no_laxer(token: str) -> None:
    if await _we_accept(token):
        assert _pyjwt_accepts(token)
        assert _joserfc_accepts(token)


@pytest.mark.parametrize("token", GOOD)
async def test_good_tokens_are_good_everywhere(token: str) -> None:
    assert await _we_accept(token)
    assert _pyjwt_accepts(token)
    assert _joserfc_accepts(token)


@pytest.mark.parametrize("token", GOOD)
async def test_what_another_library_signed_is_good(token: str) -> None:
    claims = claims_of(token)
    header = {"typ": "at+jwt", "kid": ISSUER.signing_key.kid}
    theirs = jwt.encode(claims, ISSUER.signing_key.private, "RS256", headers=header)
    assert await _we_accept(theirs)
    key = RSAKey.import_key(ISSUER.signing_key.private)
    payload = base64url_decode(token.split(".")[1])
    assert await _we_accept(jws.serialize_compact(header | {"alg": "RS256"}, payload, key))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
async def test_one_changed_letter_is_accepted_by_nobody(data: st.DataObject) -> None:
    token = data.draw(st.sampled_from(GOOD))
    position = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(BASE64URL + ".=+/ "))
    changed = token[:position] + letter + token[position + 1 :]
    if changed != token:
        assert not await _we_accept(changed)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
async def test_cut_doubled_and_joined_tokens(data: st.DataObject) -> None:
    one, other = data.draw(st.sampled_from(GOOD)), data.draw(st.sampled_from(GOOD))
    cut, resume = data.draw(st.integers(0, len(one))), data.draw(st.integers(0, len(other)))
    insertion = data.draw(st.text(max_size=4))
    await _assert_no_laxer(one[:cut] + insertion + other[resume:])


@settings(max_examples=300, deadline=None)
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "b64", "zip", "jku", "jwk", "x5c", "cty"]),
        HEADER_VALUES,
        max_size=3,
    ),
)
async def test_headers_of_any_kind(header: dict[str, Any]) -> None:
    await _assert_no_laxer(ISSUER.sign(header, claims_of(GOOD[1])))


@settings(max_examples=300, deadline=None)
@given(
    claims=st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "role", "act", "x"]),
        st.one_of(
            HEADER_VALUES,
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-100, 100).map(lambda seconds: NOW + seconds),
            st.just(CORE_AUDIENCE),
            st.just([CORE_AUDIENCE]),
        ),
        max_size=3,
    ),
)
async def test_claims_of_any_kind(claims: dict[str, Any]) -> None:
    await _assert_no_laxer(ISSUER.sign({}, claims_of(GOOD[1]) | claims))


@settings(max_examples=300, deadline=None)
@given(header=st.binary(max_size=200), payload=st.binary(max_size=200))
async def test_rightly_signed_rubbish(header: bytes, payload: bytes) -> None:
    signing_input = f"{base64url_encode(header)}.{base64url_encode(payload)}"
    signature = base64url_encode(ISSUER.signing_key.signature(signing_input.encode()))
    assert not await _we_accept(f"{signing_input}.{signature}")


@settings(max_examples=300, deadline=None)
@given(token=st.text(max_size=300))
async def test_any_text_at_all(token: str) -> None:
    assert not await _we_accept(token)
