"""RS256 (RFC 7518 section 3.3): the arithmetic only. The one module that imports python-jose.

The library is given bytes that `_envelope` has accepted and a key that was constructed here; it
never sees a token, chooses an algorithm or reads a claim.
"""

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jose import jwk
from jose.constants import ALGORITHMS
from typing_extensions import override

__all__ = ["SigningKey", "VerificationKey", "WeakKey"]

_SMALLEST = 2048  # RFC 7518 section 3.3
_LARGEST = 8192  # a larger one costs whoever must verify with it
_SMALLEST_EXPONENT = 65537


class WeakKey(ValueError):
    """An RSA key outside 2048 to 8192 bits, or with a public exponent below 65537."""


class VerificationKey:
    """A public RSA key, constructed once, that says whether a signature is its own."""

    __slots__ = ("_jose", "kid", "public")

    def __init__(self, kid: str, public: RSAPublicKey) -> None:
        """Raise WeakKey for a key that must not be trusted."""
        _refuse_weak(public)
        # The library takes cryptography's own key objects; its type stubs do not know that.
        self._jose = jwk.construct(public, ALGORITHMS.RS256)  # type: ignore[arg-type]
        self.kid = kid
        self.public = public

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's RS256 signature of exactly these bytes."""
        return self._jose.verify(signing_input, signature)


class SigningKey:
    """A private RSA key under the `kid` by which verifiers find its public half."""

    __slots__ = ("_jose", "kid", "private")

    def __init__(self, kid: str, private: RSAPrivateKey) -> None:
        """Raise WeakKey for a key that no verifier would trust."""
        _refuse_weak(private.public_key())
        self._jose = jwk.construct(private, ALGORITHMS.RS256)  # type: ignore[arg-type]
        self.kid = kid
        self.private = private

    @override
    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"

    def signature(self, signing_input: bytes) -> bytes:
        """Sign exactly these bytes."""
        return self._jose.sign(signing_input)

    def verification_key(self) -> VerificationKey:
        """The public half."""
        return VerificationKey(self.kid, self.private.public_key())


def _refuse_weak(public: RSAPublicKey) -> None:
    if not _SMALLEST <= public.key_size <= _LARGEST:
        raise WeakKey(f"an RSA key of {public.key_size} bits is refused")
    if public.public_numbers().e < _SMALLEST_EXPONENT:
        raise WeakKey("an RSA key with a small public exponent is refused")
