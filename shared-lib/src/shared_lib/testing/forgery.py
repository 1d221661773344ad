"""Tokens that no issuer would sign, signed all the same: claims and bytes of a test's choice."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from shared_lib.ids import uuid7
from shared_lib.jwks import public_jwk
from shared_lib.testing.tokens import TokenIssuer, private_key
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    Claims,
    SigningKey,
    base64url_decode,
    base64url_encode,
    json_object,
)

__all__ = ["ABSENT", "Forger", "claims_of", "old_key"]

ABSENT = object()
"""As the value of a claim or header: leave it out."""


def claims_of(token: str) -> Claims:
    """The claims that a token carries, unverified."""
    return json_object(base64url_decode(token.split(".")[1]))


def old_key(number: int) -> SigningKey:
    """A key that no verifier holds, under its own thumbprint."""
    private = private_key(number)
    return SigningKey(public_jwk(private.public_key())["kid"], private)


@dataclass(frozen=True)
class Forger:
    """Makes rightly signed wrong tokens out of good ones of the issuer's.

    The good ones are for the service `audience`, and of this person, sign-in session and
    organization. `retired` and `revoked` are keys that signed once and count no longer.
    """

    issuer: TokenIssuer
    audience: str = CORE_AUDIENCE
    sub: UUID = field(default_factory=uuid7)
    sid: UUID = field(default_factory=uuid7)
    tenant_id: UUID = field(default_factory=uuid7)
    retired: SigningKey = field(default_factory=lambda: old_key(2))
    revoked: SigningKey = field(default_factory=lambda: old_key(3))

    @property
    def kid(self) -> str:
        """The name of the issuer's key."""
        return self.issuer.signing_key.kid

    @property
    def now(self) -> int:
        """Seconds since 1970, by the issuer's clock."""
        return self.issuer.now()

    @property
    def good_header(self) -> dict[str, Any]:
        """The header of every good token."""
        return {"typ": "at+jwt", "alg": "RS256", "kid": self.kid}

    @property
    def other_audience(self) -> str:
        """The service that `audience` is not."""
        return IDENTITY_AUDIENCE if self.audience == CORE_AUDIENCE else CORE_AUDIENCE

    @cached_property
    def stranger(self) -> TokenIssuer:
        """Somebody else with a key of his own, who says that he is the issuer."""
        return TokenIssuer(self.issuer.issuer, number=1, clock=self.issuer.now)

    def fresh(self) -> str:
        """A good token that nobody has had yet: a person in an organization."""
        return self.issuer.person(sub=self.sub, sid=self.sid, tenant_id=self.tenant_id)

    def good(self) -> str:
        """The good token out of which hostile ones are made: always the same, as its life is."""
        return self._good

    def member(self, **changed: Any) -> str:
        """A person in an organization, with claims replaced, added or ABSENT."""
        return self._signed(claims_of(self.good()), changed)

    def person(self, **changed: Any) -> str:
        """A person in no organization, changed."""
        claims = claims_of(self.good())
        return self._signed(claims, {"tenant_id": ABSENT, "role": ABSENT} | changed)

    def staff(self, **changed: Any) -> str:
        """Staff of the platform, changed."""
        return self.person(**{"role": "platform_admin"} | changed)

    def account(self, **changed: Any) -> str:
        """A service account of the organization, changed."""
        return self.member(**dict.fromkeys(("sid", "auth_time", "amr"), ABSENT) | changed)

    def support(self, **changed: Any) -> str:
        """A support session, changed."""
        return self._signed(self._support, changed)

    def service(self, **changed: Any) -> str:
        """The other service, which calls this one, changed."""
        return self._signed(self._service, changed)

    def header(self, **changed: Any) -> str:
        """A good payload under a changed header."""
        return self.raw(header=json.dumps(_change(self.good_header, changed)).encode())

    def raw(self, *, header: bytes | None = None, payload: bytes | None = None) -> str:
        """Exactly these bytes, a good part in place of None."""
        signing_input = self.unsigned(header=header, payload=payload)
        signature = self.issuer.signing_key.signature(signing_input.encode("ascii"))
        return f"{signing_input}.{base64url_encode(signature)}"

    def unsigned(self, *, header: bytes | None = None, payload: bytes | None = None) -> str:
        """The first two parts of a token, a good one in place of None."""
        parts = (
            json.dumps(self.good_header).encode() if header is None else header,
            base64url_decode(self.good().split(".")[1]) if payload is None else payload,
        )
        return ".".join(map(base64url_encode, parts))

    @cached_property
    def _good(self) -> str:
        return self.fresh()

    @cached_property
    def _support(self) -> Claims:
        return claims_of(self.issuer.support(tenant_id=self.tenant_id))

    @cached_property
    def _service(self) -> Claims:
        return claims_of(self.issuer.service_to_service(audience=self.audience))

    def _signed(self, claims: Claims, changed: dict[str, Any]) -> str:
        return self.issuer.sign({}, _change(claims, changed))


def _change(members: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (members | changed).items() if value is not ABSENT}
