"""Verification: the order in which envelope, key, signature and claims are asked."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol

from shared_lib.errors import InvalidToken
from shared_lib.tokens._cache import VerifiedTokens
from shared_lib.tokens._claims import (
    LEEWAY,
    TokenData,
    internal_audience,
    read_claims,
)
from shared_lib.tokens._envelope import MAX_LENGTH, Envelope, open_envelope
from shared_lib.tokens._refusal import TokenRefused
from shared_lib.tokens._signature import VerificationKey

__all__ = ["KeySource", "TokenVerifier"]

_CACHED_FOR = 60  # seconds


class KeySource(Protocol):
    """Where verification keys come from: over HTTP, from a table, or made for a test."""

    async def key(self, kid: str) -> VerificationKey | None:
        """The key, or None when there is none of that name; KeysUnavailable when nobody knows."""


class TokenVerifier:
    """Verifies the access tokens (RFC 9068 section 4) that are meant for one service.

    One per process. RS256 only; there is no setting of the algorithm. A token that was verified is
    believed for at most a minute without looking again, so revocation is not checked here.
    """

    def __init__(
        self,
        *,
        issuer: str,
        keys: KeySource,
        audience: str,
        clock: Callable[[], float] = time.time,
        cache_size: int = 10_000,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._audience = audience
        self._internal = internal_audience(audience)
        self._clock = clock
        self._verified = VerifiedTokens(cache_size)

    async def verify(self, token: str, *, internal: bool = False) -> TokenData:
        """Return the claims of a token meant for this service, or for its `/internal/` operations.

        Raises InvalidToken, whose `__cause__` says why and is for our eyes only, or
        KeysUnavailable when its key can be neither found nor ruled out.
        """
        audience = self._internal if internal else self._audience
        now = self._clock()
        try:
            # Bounded, so that a huge token costs no huge hash.
            slot = (sha256(token[: MAX_LENGTH + 1].encode("ascii")).digest(), audience)
            verified = self._verified.get(slot, now)
            if verified is not None:
                return verified
            envelope = open_envelope(token)
        except Exception as error:
            # The libraries below raise what they like on hostile input: ValueError, RecursionError,
            # OverflowError. Whatever it is, the token is not one of ours.
            raise InvalidToken from error
        key = await self._keys.key(envelope.kid)
        try:
            verified = self._accept(envelope, key, audience, now)
        except Exception as error:
            raise InvalidToken from error
        self._verified.put(slot, verified, min(verified.exp, now + _CACHED_FOR))
        return verified

    def forget_key(self, kid: str) -> None:
        """Believe no token any longer because this key once verified it."""
        self._verified.forget_key(kid)

    def _accept(
        self, envelope: Envelope, key: VerificationKey | None, audience: str, now: float
    ) -> TokenData:
        if key is None:
            raise TokenRefused("unknown key")
        if not key.verifies(envelope.signing_input, envelope.signature):
            raise TokenRefused("signature")
        if envelope.claims.get("iss") != self._issuer:
            raise TokenRefused("iss")
        token = read_claims(envelope.claims, envelope.kid)
        if audience not in token.audience:
            raise TokenRefused("aud")
        _check_time(envelope.claims, token, now)
        return token


def _check_time(claims: dict[str, Any], token: TokenData, now: float) -> None:
    """RFC 7519 sections 4.1.4 to 4.1.6, with the leeway that they allow."""
    if now >= token.exp + LEEWAY:
        raise TokenRefused("expired")
    if token.iat > now + LEEWAY:
        raise TokenRefused("issued in the future")
    if "nbf" in claims:
        nbf = claims["nbf"]
        if type(nbf) is not int or nbf > now + LEEWAY:
            raise TokenRefused("nbf")
