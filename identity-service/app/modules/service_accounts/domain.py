"""Secrets as values: made, hashed, compared. Pure but for chance."""

import secrets
import string
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from zlib import crc32

from app.modules.service_accounts.schemas import MOST_SECRETS, Candidate

PREFIX = "pzs_"

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BITS = 256
_LENGTH = 43  # of 256 bits in base 62
_CHECKSUM_LENGTH = 6  # of 32 bits in base 62
_NO_SECRET = bytes(32)


def new_secret() -> str:
    """A secret that scanners of source code recognize: `pzs_`, 256 random bits, a checksum.

    Letters and digits alone, so that a form, a shell and a double click leave it whole.
    """
    text = PREFIX + _base62(secrets.randbits(_BITS), _LENGTH)
    return text + _base62(crc32(text.encode()), _CHECKSUM_LENGTH)


def hash_of(secret: str) -> bytes:
    """What is stored of a secret. Nobody guesses 256 bits, so a plain hash is enough."""
    return sha256(secret.encode()).digest()


def matching(candidates: Sequence[Candidate], secret: str) -> Candidate | None:
    """The candidate whose secret this is.

    As much work for an account that has none, so that the time says nothing about accounts.
    """
    sent, found = hash_of(secret), None
    for candidate in candidates:
        if compare_digest(candidate.secret_hash, sent):
            found = candidate
    for _ in range(len(candidates), MOST_SECRETS):
        compare_digest(_NO_SECRET, sent)
    return found


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
