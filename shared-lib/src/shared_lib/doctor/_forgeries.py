"""A few tokens that no issuer signed, for a verifier that must refuse each of them."""

import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared_lib.ids import uuid7
from shared_lib.jwks import generate_private_key, public_jwk
from shared_lib.tokens import (
    AccessTokenClaims,
    Claims,
    SigningKey,
    SignInSession,
    base64url_encode,
    compact,
)

__all__ = ["Forger"]

_Header = dict[str, Any]


@cache
def _foreign_key() -> RSAPrivateKey:
    """A key of nobody, one for the process: making it takes long."""
    return generate_private_key()


class Forger:
    """Forges tokens of nobody for an issuer whose key `kid` is `public`."""

    def __init__(self, issuer: str, kid: str, public: RSAPublicKey) -> None:
        self._issuer = issuer
        self._public = public
        self._own = SigningKey(kid, _foreign_key())
        self.header: _Header = {"typ": "at+jwt", "alg": "RS256", "kid": kid}

    @property
    def kinds(self) -> Mapping[str, Callable[[], str]]:
        """Each forgery under what it is."""
        return {
            "unsigned (alg none)": self._unsigned,
            "signed with the public key as an HMAC secret (HS256)": self._hmac,
            "signed by a foreign key under a published kid": self.foreign,
            "signed by the key in its own header (jwk)": self._self_contained,
            "of another type (typ JWT)": self._other_type,
        }

    def foreign(self) -> str:
        """Under the published key's name, signed by another."""
        return compact(self.header, self._claims(), self._own)

    def unknown_kid(self) -> str:
        """Under a name that no key has, and nobody has asked for yet."""
        kid = base64url_encode(os.urandom(32))
        signature = base64url_encode(os.urandom(384))  # the arithmetic is never reached
        return f"{_encoded(self.header | {'kid': kid}, self._claims())}.{signature}"

    def _unsigned(self) -> str:
        return f"{_encoded(self.header | {'alg': 'none'}, self._claims())}."

    def _hmac(self) -> str:
        # Libraries that confuse the algorithms take the key as it stands in a PEM file.
        secret = self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signing_input = _encoded(self.header | {"alg": "HS256"}, self._claims())
        signature = hmac.digest(secret, signing_input.encode("ascii"), "sha256")
        return f"{signing_input}.{base64url_encode(signature)}"

    def _self_contained(self) -> str:
        own = public_jwk(self._own.private.public_key())
        return compact(self.header | {"jwk": own, "kid": own["kid"]}, self._claims(), self._own)

    def _other_type(self) -> str:
        return compact(self.header | {"typ": "JWT"}, self._claims(), self._own)

    def _claims(self) -> Claims:
        now = int(time.time())
        session = SignInSession(sid=uuid7(), auth_time=now, amr=("pwd",))
        return AccessTokenClaims(self._issuer).person(
            sub=uuid7(), client_id="phase-zero-web", session=session, iat=now, lifetime=300
        )


def _encoded(header: _Header, claims: Claims) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    return ".".join(map(base64url_encode, parts))
