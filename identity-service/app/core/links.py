"""One-time links: tokens that prove an address, derived and never stored.

A token is an id and its HMAC under a key made of `ENCRYPTION_KEY`: the database alone opens
nothing, and a mail that is sent again has the same link. That a link works once is the business of
the row that it names.
"""

from base64 import urlsafe_b64decode
from hashlib import sha256
from hmac import compare_digest, digest
from uuid import UUID

from app.core.settings import IdentitySettings
from shared_lib.tokens import base64url_decode, base64url_encode

_PURPOSE = b"phase-zero: one-time link\0"
_ID_BYTES = 16
_LENGTH = 64  # characters of 16 bytes of id and 32 of HMAC


def link_token(settings: IdentitySettings, purpose: str, id_: UUID) -> str:
    """The token of the link for `id_`; another `purpose` has another token for the same id."""
    key = _keys(settings)[0]
    return base64url_encode(id_.bytes + _mac(key, purpose, id_))


def read_link_token(settings: IdentitySettings, purpose: str, token: str) -> UUID | None:
    """The id that a token stands for; None for one that we did not make for this purpose.

    Tokens made under an older encryption key count as long as that key is listed.
    """
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        raw = base64url_decode(token)
    except ValueError:
        return None
    id_, mac = UUID(bytes=raw[:_ID_BYTES]), raw[_ID_BYTES:]
    right = [compare_digest(mac, _mac(key, purpose, id_)) for key in _keys(settings)]
    return id_ if any(right) else None


def _mac(key: bytes, purpose: str, id_: UUID) -> bytes:
    return digest(key, purpose.encode() + b"\0" + id_.bytes, "sha256")


def _keys(settings: IdentitySettings) -> list[bytes]:
    listed = settings.encryption_key.get_secret_value().split(",")
    return [
        sha256(_PURPOSE + urlsafe_b64decode(key.strip())).digest() for key in listed if key.strip()
    ]
