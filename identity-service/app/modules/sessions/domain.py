"""Refresh tokens as values: made, hashed, judged, and their answers sealed. Pure but for chance."""

import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from enum import Enum, auto
from hashlib import sha256

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.modules.sessions.schemas import RefreshTokenRow, SessionRow

_BYTES = 32
_PURPOSE = b"phase-zero: answer of a refresh token"


class Use(Enum):
    """What presenting a refresh token amounts to."""

    FIRST = auto()
    REPEATED = auto()  # a moment later, as two tabs of a browser do
    REUSED = auto()  # too late for that: one of the two holders stole it
    EXPIRED = auto()
    SESSION_ENDED = auto()


def new_refresh_token() -> str:
    """An opaque token of 256 random bits."""
    return secrets.token_urlsafe(_BYTES)


def hash_of(refresh_token: str) -> bytes:
    """What is stored of a token. Nobody guesses 256 bits, so a plain hash is enough."""
    return sha256(refresh_token.encode()).digest()


def judge(session: SessionRow, token: RefreshTokenRow, *, now: datetime, grace: timedelta) -> Use:
    """What a presentation at `now` amounts to."""
    if not session.is_alive(now):
        return Use.SESSION_ENDED
    if token.spent_at is not None:
        repeated = token.answer is not None and now < token.spent_at + grace
        return Use.REPEATED if repeated else Use.REUSED
    return Use.FIRST if now < token.expires_at else Use.EXPIRED


def seal_answer(refresh_token: str, answer: bytes) -> bytes:
    """Encrypt under a key that only the holder of the spent token can make again."""
    return _cipher(refresh_token).encrypt(answer)


def open_answer(refresh_token: str, sealed: bytes) -> bytes:
    """The answer that `refresh_token` was exchanged for."""
    return _cipher(refresh_token).decrypt(sealed)


def _cipher(refresh_token: str) -> Fernet:
    derivation = HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=_PURPOSE)
    return Fernet(urlsafe_b64encode(derivation.derive(refresh_token.encode())))
