"""The envelope of a token (RFC 7515 section 7.1), accepted before any library sees it."""

import re
from dataclasses import dataclass
from typing import Any

from shared_lib.tokens._encoding import base64url_decode, json_object
from shared_lib.tokens._refusal import TokenRefused

__all__ = ["MAX_LENGTH", "Envelope", "open_envelope"]

MAX_LENGTH = 8192  # characters of the whole token

# RFC 9068 section 4 names both; media types ignore case (RFC 2045 section 5.1).
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_KID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # ours are RFC 7638 thumbprints: 43 of these
# They tell a verifier how to read the token or where to find a key (RFC 8725 section 3.10,
# ASVS 9.1.3). Nothing of ours sends one, so whoever does has a plan.
_REFUSED = frozenset(
    {"b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5t", "x5t#S256", "x5u", "zip"},
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a token claims, and what must be checked before it is believed."""

    kid: str
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def open_envelope(token: str) -> Envelope:
    """Take a token apart; TokenRefused or ValueError when it is not spelled as ours are."""
    if len(token) > MAX_LENGTH:
        raise TokenRefused("length")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004  header, payload, signature
        raise TokenRefused("three parts")
    kid = _accept_header(json_object(base64url_decode(parts[0])))
    return Envelope(
        kid=kid,
        claims=json_object(base64url_decode(parts[1])),
        signing_input=token[: token.rindex(".")].encode("ascii"),
        signature=base64url_decode(parts[2]),
    )


def _accept_header(header: dict[str, Any]) -> str:
    """Return the `kid` of a header that is ours in everything else."""
    if header.get("alg") != "RS256":
        raise TokenRefused("alg")
    typ = header.get("typ")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise TokenRefused("typ")
    if not _REFUSED.isdisjoint(header):
        raise TokenRefused("header")
    kid = header.get("kid")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise TokenRefused("kid")
    return kid
