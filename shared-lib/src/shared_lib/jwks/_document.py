"""The JWK Set document, written and read: public RSA signature keys named by their thumbprint."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)

from shared_lib.tokens import VerificationKey, base64url_decode, base64url_encode

__all__ = [
    "MEDIA_TYPE",
    "KeySetRefused",
    "document_etag",
    "generate_private_key",
    "jwks_document",
    "public_jwk",
    "read_jwks",
    "thumbprint",
    "verification_key",
]

MEDIA_TYPE = "application/jwk-set+json"  # RFC 7517 section 8.5

_KEY_BITS = 3072
_MAX_KEYS = 64
_PUBLISHED = ("kty", "use", "alg", "kid", "n", "e")
# RFC 7518 sections 6.3.2 and 6.4.1, and `d` of the elliptic curves.
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeySetRefused(ValueError):
    """A key set that no honest server sends; none of it is believed."""


def generate_private_key() -> RSAPrivateKey:
    """Make an RSA key of 3072 bits. Takes some hundred milliseconds: call it in a thread."""
    return generate_rsa_key(public_exponent=65537, key_size=_KEY_BITS)


def public_jwk(key: RSAPublicKey) -> dict[str, str]:
    """Describe a public key, under its RFC 7638 thumbprint, as one for RS256 signatures."""
    numbers = key.public_numbers()
    members = {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    return members | {"use": "sig", "alg": "RS256", "kid": thumbprint(members)}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The RFC 7638 thumbprint of an RSA key: SHA-256 over its required members, base64url."""
    required = {name: jwk[name] for name in ("e", "kty", "n")}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode("utf-8")).digest())


def jwks_document(jwks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Put keys into a set. Only public members enter it, whatever the mappings hold."""
    return {"keys": [{name: jwk[name] for name in _PUBLISHED} for jwk in jwks]}


def document_etag(body: bytes) -> str:
    """The strong entity tag (RFC 9110 section 8.8.3) of a response body."""
    return f'"{base64url_encode(sha256(body).digest())}"'


def read_jwks(document: Mapping[str, Any]) -> dict[str, VerificationKey]:
    """Return the keys of a set that may verify our tokens, by `kid`.

    Keys of another kind and unknown members are ignored (RFC 7517 section 5). KeySetRefused for a
    set that is malformed or without such a key, and as a whole for one that gives away private
    members, names two keys alike or has a weak RSA key: its server is broken or not ours.
    """
    jwks = document.get("keys")
    if not isinstance(jwks, list) or len(jwks) > _MAX_KEYS:
        raise KeySetRefused("keys is not a list of at most 64")
    keys: dict[str, VerificationKey] = {}
    for jwk in jwks:
        if not isinstance(jwk, dict):
            raise KeySetRefused("a key is not an object")
        if not _PRIVATE.isdisjoint(jwk):
            raise KeySetRefused("a key is private")
        if not _is_ours(jwk):
            continue
        key = verification_key(jwk)
        if key.kid in keys:
            raise KeySetRefused("two keys have one kid")
        keys[key.kid] = key
    if not keys:
        raise KeySetRefused("no key for RS256")
    return keys


def verification_key(jwk: Mapping[str, Any]) -> VerificationKey:
    """Construct a key from its public members; KeySetRefused when they make none."""
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise KeySetRefused("a key has no kid")
    try:
        numbers = RSAPublicNumbers(e=_number(jwk["e"]), n=_number(jwk["n"]))
        return VerificationKey(kid, numbers.public_key())
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise KeySetRefused("a key is no strong RSA key") from error


def _is_ours(jwk: Mapping[str, Any]) -> bool:
    """Whether RFC 7517 sections 4.1 to 4.4 let the key verify an RS256 signature."""
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") == "RSA"
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _integer(value: int) -> str:
    """Base64urlUInt (RFC 7518 section 2)."""
    return base64url_encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _number(text: str) -> int:
    return int.from_bytes(base64url_decode(text), "big")
