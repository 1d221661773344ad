"""Tokens that must be refused for how they are spelled: parts, encodings, header, JSON."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared_lib.errors import InvalidToken
from shared_lib.testing.forgery import ABSENT, Forger, claims_of
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, TokenVerifier, base64url_encode

NOW = int(time.time())
ISSUER = TokenIssuer(clock=lambda: NOW)
FORGER = Forger(ISSUER)
GOOD = ISSUER.person()
STRANGER = TokenIssuer(number=1, clock=lambda: NOW)
KID = ISSUER.signing_key.kid


def respelled(change: Callable[[str], str]) -> str:
    return change(GOOD)


def with_signature(signature: str) -> str:
    return f"{GOOD.rpartition('.')[0]}.{signature}"


def with_loose_bits(token: str) -> str:
    """The same signature bytes, spelled with another last letter."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # A signature of 384 bytes fills its letters, so the header is the part with loose bits.
    first, _, rest = token.partition(".")
    assert len(first) % 4
    return first[:-1] + alphabet[alphabet.index(first[-1]) + 1] + "." + rest


def forged_with_public_key() -> str:
    """HS256 with our public key as its secret: accepted by python-jose 3.5.0 without algorithms."""
    public = ISSUER.signing_key.private.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    parts = (json.dumps(FORGER.good_header | {"alg": "HS256"}), json.dumps(claims_of(GOOD)))
    signing_input = ".".join(base64url_encode(part.encode()) for part in parts)
    signature = hmac.digest(der, signing_input.encode(), "sha256")
    return f"{signing_input}.{base64url_encode(signature)}"


def with_payload_of(other: str) -> str:
    header, _, signature = GOOD.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


STRUCTURE: dict[str, tuple[str, str]] = {
    "empty": ("", "three parts"),
    "a word": ("token", "three parts"),
    "two parts": (respelled(lambda t: t.rpartition(".")[0]), "three parts"),
    "four parts": (respelled(lambda t: t + ".e30"), "three parts"),
    "five parts, as a JWE has": ("e30.e30.e30.e30.e30", "three parts"),
    "no signature": (respelled(lambda t: t.rpartition(".")[0] + "."), "three parts"),
    "no header": (respelled(lambda t: "." + t.partition(".")[2]), "three parts"),
    "only dots": ("..", "three parts"),
    "longer than 8 KiB": (respelled(lambda t: t + "A" * 8192), "length"),
    "a megabyte": ("A" * 1_000_000, "length"),
    "padded": (respelled(lambda t: t + "=="), "not base64url"),
    "padded header": (respelled(lambda t: t.replace(".", "=.", 1)), "not base64url"),
    "plain base64 alphabet": (with_signature("ab+/"), "not base64url"),
    "newline at the end": (respelled(lambda t: t + "\n"), "not base64url"),
    "space at the end": (respelled(lambda t: t + " "), "not base64url"),
    "NUL": (respelled(lambda t: t + "\0"), "not base64url"),
    "letters beyond ASCII": (respelled(lambda t: t + "é"), "ordinal not in range"),
    "lone surrogate": (respelled(lambda t: t + "\ud800"), "ordinal not in range"),
    "impossible length of base64url": (with_signature("A"), "cannot be 1 more"),
    "loose bits in the header": (respelled(with_loose_bits), "base64url is not canonical"),
    "signature of another token": (
        respelled(lambda t: t.rpartition(".")[0] + "." + ISSUER.person().rpartition(".")[2]),
        "signature",
    ),
    "short signature": (with_signature("AAAA"), "signature"),
    "long signature": (respelled(lambda t: t + "AAAA"), "signature"),
    "signature of zeros": (with_signature(base64url_encode(bytes(384))), "signature"),
    "payload of another token": (with_payload_of(ISSUER.platform()), "signature"),
    "key of a stranger under our kid": (STRANGER.sign({"kid": KID}, claims_of(GOOD)), "signature"),
    "key of a stranger": (STRANGER.person(), "unknown key"),
}

HEADERS: dict[str, tuple[str, str]] = {
    "alg none": (FORGER.header(alg="none"), "alg"),
    "alg none and no signature": (
        base64url_encode(b'{"alg":"none","typ":"at+jwt"}') + ".e30.",
        "three parts",
    ),
    "alg in lower case": (FORGER.header(alg="rs256"), "alg"),
    "alg HS256 with the public key": (forged_with_public_key(), "alg"),
    "alg RS384": (FORGER.header(alg="RS384"), "alg"),
    "alg PS256": (FORGER.header(alg="PS256"), "alg"),
    "alg as a list": (FORGER.header(alg=["RS256"]), "alg"),
    "no alg": (FORGER.header(alg=ABSENT), "alg"),
    "typ JWT": (FORGER.header(typ="JWT"), "typ"),
    "typ of a logout token": (FORGER.header(typ="logout+jwt"), "typ"),
    "no typ": (FORGER.header(typ=ABSENT), "typ"),
    "typ null": (FORGER.header(typ=None), "typ"),
    "typ with a parameter": (FORGER.header(typ="at+jwt; v=1"), "typ"),
    "no kid": (FORGER.header(kid=ABSENT), "kid"),
    "empty kid": (FORGER.header(kid=""), "kid"),
    "kid as a number": (FORGER.header(kid=1), "kid"),
    "kid as a path": (FORGER.header(kid="../../dev/null"), "kid"),
    "kid as SQL": (FORGER.header(kid="' OR 1=1 --"), "kid"),
    "kid with a newline": (FORGER.header(kid=KID + "\n"), "kid"),
    "kid too long": (FORGER.header(kid="k" * 129), "kid"),
    "kid that nobody has": (FORGER.header(kid="unknown"), "unknown key"),
    "crit": (FORGER.header(crit=["exp"], exp=1), "header"),
    "empty crit": (FORGER.header(crit=[]), "header"),
    "b64": (FORGER.header(b64=False), "header"),
    "cty of a nested token": (FORGER.header(cty="JWT"), "header"),
    "zip": (FORGER.header(zip="DEF"), "header"),
    "enc": (FORGER.header(enc="A256GCM"), "header"),
    "jku": (FORGER.header(jku="https://evil.example.com/jwks"), "header"),
    "jwk": (FORGER.header(jwk=STRANGER.jwks()["keys"][0]), "header"),
    "x5u": (FORGER.header(x5u="https://evil.example.com/cert"), "header"),
    "x5c": (FORGER.header(x5c=["MIIB"]), "header"),
    "x5t#S256": (FORGER.header(**{"x5t#S256": "abc"}), "header"),
    "header is a list": (FORGER.raw(header=b'["RS256"]'), "not a JSON object"),
    "header is a string": (FORGER.raw(header=b'"RS256"'), "not a JSON object"),
    "header is no JSON": (FORGER.raw(header=b"{alg:RS256}"), "Expecting property name"),
    "header with trailing bytes": (
        FORGER.raw(header=json.dumps(FORGER.good_header).encode() + b"{}"),
        "Extra data",
    ),
    "header with alg twice": (
        FORGER.raw(header=json.dumps(FORGER.good_header).encode()[:-1] + b',"alg":"RS256"}'),
        "a JSON name is given twice",
    ),
    "header with alg twice, once escaped": (
        FORGER.raw(header=json.dumps(FORGER.good_header).encode()[:-1] + b',"\\u0061lg":"none"}'),
        "a JSON name is given twice",
    ),
    "header with a name twice deep inside": (
        FORGER.raw(header=json.dumps(FORGER.good_header).encode()[:-1] + b',"x":[{"a":1,"a":2}]}'),
        "a JSON name is given twice",
    ),
    "header in UTF-16": (
        FORGER.raw(header=json.dumps(FORGER.good_header).encode("utf-16")),
        "can't decode",
    ),
    "header with a byte order mark": (
        FORGER.raw(header=b"\xef\xbb\xbf" + json.dumps(FORGER.good_header).encode()),
        "Unexpected UTF-8 BOM",
    ),
    "header with broken UTF-8": (FORGER.raw(header=b'{"alg":"\xff"}'), "can't decode"),
    "header nested 2000 deep": (FORGER.raw(header=b"[" * 2000 + b"]" * 2000), "nested too deeply"),
    "header nested 65 deep": (
        FORGER.raw(header=b'{"alg":' + b'{"a":' * 64 + b"1" + b"}" * 65),
        "nested too deeply",
    ),
}

PAYLOADS: dict[str, tuple[str, str]] = {
    "payload is a list": (FORGER.raw(payload=b"[]"), "not a JSON object"),
    "payload is null": (FORGER.raw(payload=b"null"), "not a JSON object"),
    "payload is empty": (FORGER.raw(payload=b" "), "Expecting value"),
    "payload is a token": (
        FORGER.raw(payload=ISSUER.person().encode()),
        "Expecting value",
    ),
    "payload with exp twice": (
        FORGER.raw(payload=json.dumps(claims_of(GOOD)).encode()[:-1] + b',"exp":9999999999}'),
        "a JSON name is given twice",
    ),
    "payload with NaN": (FORGER.raw(payload=b'{"exp":NaN}'), "JSON has no NaN"),
    "payload with Infinity": (FORGER.raw(payload=b'{"exp":Infinity}'), "JSON has no Infinity"),
    "payload with -Infinity": (FORGER.raw(payload=b'{"exp":-Infinity}'), "JSON has no -Infinity"),
    "payload with 1e999": (FORGER.raw(payload=b'{"exp":1e999}'), "a JSON number is not finite"),
    "payload with an integer of 5000 digits": (
        FORGER.raw(payload=b'{"exp":' + b"9" * 5000 + b"}"),
        "Exceeds the limit",
    ),
    "payload nested 900 deep": (
        FORGER.raw(payload=b'{"a":' * 900 + b"1" + b"}" * 900),
        "nested too deeply",
    ),
    "payload with a control character": (FORGER.raw(payload=b'{"sub":"\x01"}'), "Invalid control"),
}

HOSTILE = STRUCTURE | HEADERS | PAYLOADS


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_token_is_refused_for_its_reason(name: str) -> None:
    token, reason = HOSTILE[name]
    verifier = TokenVerifier(
        issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE, clock=lambda: NOW
    )
    for _ in range(2):  # a refusal is never cached into something else
        with pytest.raises(InvalidToken) as refused:
            await verifier.verify(token)
        assert reason in str(refused.value.__cause__)


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_token_is_refused_under_internal_too(name: str) -> None:
    verifier = TokenVerifier(
        issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE, clock=lambda: NOW
    )
    with pytest.raises(InvalidToken):
        await verifier.verify(HOSTILE[name][0], internal=True)


@pytest.mark.parametrize("value", [None, 1, b"token", ["token"]])
async def test_what_is_no_string_is_no_token(value: Any) -> None:
    verifier = TokenVerifier(issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE)
    with pytest.raises(InvalidToken):
        await verifier.verify(value)


async def test_the_client_learns_no_reason() -> None:
    verifier = TokenVerifier(issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE)
    with pytest.raises(InvalidToken) as refused:
        await verifier.verify("token")
    assert refused.value.message == InvalidToken.title
