"""Ed25519 audit keys: what signs reports, certificates and heads of the trail, and never a token.

A signature is a detached JWS (RFC 7515 Appendix F) over the exact bytes, `Ed25519` (RFC 9864). Its
`typ` says what was signed, so that none can stand in for another (RFC 8725 section 3.11).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared_lib.tokens import base64url_decode, base64url_encode, json_object

__all__ = [
    "REPORT",
    "AuditKey",
    "AuditKeyUnknown",
    "AuditSignatureRefused",
    "audit_key_set",
    "read_audit_keys",
    "verify_detached",
]

REPORT = "phase-zero-report+jws"
"""The `typ` of signed reports."""

_ALGORITHM = "Ed25519"
_OKP = {"kty": "OKP", "crv": "Ed25519"}


class AuditSignatureRefused(ValueError):
    """The signature is not one over these bytes, or is none at all."""


class AuditKeyUnknown(AuditSignatureRefused):
    """Nobody knows the key that the signature names."""


@dataclass(frozen=True)
class AuditKey:
    """A private audit key. Its setting is the seed in base64url."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "AuditKey":
        """A fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_setting(cls, text: str) -> "AuditKey":
        """The key of a setting. Raises ValueError, without its text."""
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(base64url_decode(text)))
        except ValueError:
            raise ValueError("must be an Ed25519 seed: 32 bytes in base64url") from None

    @property
    def setting(self) -> str:
        """What `from_setting` reads: a secret."""
        return base64url_encode(self.private.private_bytes_raw())

    @property
    def public(self) -> str:
        """The public part, as `x` of its JWK (RFC 8037 section 2)."""
        return base64url_encode(self.private.public_key().public_bytes_raw())

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the public part."""
        return _thumbprint(self.public)

    def sign(self, content: bytes, typ: str) -> str:
        """The detached JWS over `content`."""
        header = {"alg": _ALGORITHM, "kid": self.kid, "typ": typ}
        protected = base64url_encode(json.dumps(header, separators=(",", ":")).encode())
        return f"{protected}..{base64url_encode(self.private.sign(_input(protected, content)))}"


def audit_key_set(public: Iterable[str]) -> dict[str, Any]:
    """The JWK Set of these public parts (RFC 7517); ValueError for one that is none."""
    keys = [base64url_encode(_public_key(x).public_bytes_raw()) for x in public]
    return {
        "keys": [
            {**_OKP, "x": x, "use": "sig", "alg": _ALGORITHM, "kid": _thumbprint(x)} for x in keys
        ]
    }


def read_audit_keys(document: bytes) -> dict[str, Ed25519PublicKey]:
    """The keys of a JWK Set, or the one of a JWK, by their thumbprint; others are passed over.

    Raises ValueError for what is neither.
    """
    value = json_object(document)
    jwks = value.get("keys", [value])
    if not isinstance(jwks, list) or not all(isinstance(jwk, dict) for jwk in jwks):
        raise ValueError("no JWK Set")
    return {
        _thumbprint(jwk["x"]): _public_key(jwk["x"])
        for jwk in jwks
        if {name: jwk.get(name) for name in _OKP} == _OKP and isinstance(jwk.get("x"), str)
    }


def verify_detached(
    content: bytes, jws: str, keys: Mapping[str, Ed25519PublicKey], typ: str
) -> str:
    """The `kid` of the key that has signed `content`. Raises AuditSignatureRefused."""
    try:
        protected, nothing, signature = jws.strip().split(".")
        header = json_object(base64url_decode(protected))
        signed = base64url_decode(signature)
    except ValueError as error:
        raise AuditSignatureRefused("this is no detached JWS") from error
    if nothing or header != {"alg": _ALGORITHM, "kid": header.get("kid"), "typ": typ}:
        raise AuditSignatureRefused(f"this is no detached JWS of ours over a {typ}")
    kid = str(header["kid"])
    if kid not in keys:
        raise AuditKeyUnknown(f"signed with the key {kid}, which is none of those given")
    try:
        keys[kid].verify(signed, _input(protected, content))
    except InvalidSignature as error:
        raise AuditSignatureRefused("the content is not what was signed") from error
    return kid


def _input(protected: str, content: bytes) -> bytes:
    return f"{protected}.{base64url_encode(content)}".encode()


def _public_key(x: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64url_decode(x))


def _thumbprint(x: str) -> str:
    canonical = json.dumps({**_OKP, "x": x}, separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode()).digest())
