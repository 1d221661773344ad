"""Tokens that no issuer would sign, signed all the same: claims and bytes of a test's choice."""

import json
from typing import Any
from uuid import uuid4

from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import Claims, base64url_decode, base64url_encode, json_object

__all__ = ["ABSENT", "Forger", "claims_of"]

ABSENT = object()
"""As the value of a claim or header: leave it out."""


def claims_of(token: str) -> Claims:
    """The claims that a token carries, unverified."""
    return json_object(base64url_decode(token.split(".")[1]))


class Forger:
    """Makes rightly signed wrong tokens out of good ones of the issuer's."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self.good_header = {"typ": "at+jwt", "alg": "RS256", "kid": issuer.signing_key.kid}

    def member(self, **changed: Any) -> str:
        """A person in an organization, with claims replaced, added or ABSENT."""
        return self._signed(self._issuer.person(tenant_id=uuid4()), changed)

    def person(self, **changed: Any) -> str:
        """A person in no organization, changed."""
        return self._signed(self._issuer.person(), changed)

    def support(self, **changed: Any) -> str:
        """A support session, changed."""
        return self._signed(self._issuer.support(tenant_id=uuid4()), changed)

    def service(self, **changed: Any) -> str:
        """One service to another, changed."""
        return self._signed(self._issuer.service_to_service(), changed)

    def header(self, **changed: Any) -> str:
        """A good payload under a changed header."""
        return self.raw(header=json.dumps(_change(self.good_header, changed)).encode())

    def raw(self, *, header: bytes | None = None, payload: bytes | None = None) -> str:
        """Exactly these bytes, a good part in place of None."""
        good_payload = base64url_decode(self._issuer.person().split(".")[1])
        parts = (
            json.dumps(self.good_header).encode() if header is None else header,
            good_payload if payload is None else payload,
        )
        signing_input = ".".join(map(base64url_encode, parts))
        signature = self._issuer.signing_key.signature(signing_input.encode("ascii"))
        return f"{signing_input}.{base64url_encode(signature)}"

    def _signed(self, token: str, changed: dict[str, Any]) -> str:
        return self._issuer.sign({}, _change(claims_of(token), changed))


def _change(members: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (members | changed).items() if value is not ABSENT}
