"""Encodings of JOSE, read strictly: base64url (RFC 7515 section 2) and JSON objects (RFC 8259)."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from math import isfinite
from typing import Any, NoReturn

__all__ = ["base64url_decode", "base64url_encode", "json_object"]

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")
# Ours nest three deep. Brackets are counted before the parser can recurse, those inside strings
# too: the bound is loose, and it holds whatever the parser's own limit is.
_MAX_BRACKETS = 64


def base64url_encode(data: bytes) -> str:
    """Encode without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decode(text: str) -> bytes:
    """Decode the one canonical spelling; ValueError for padding, other characters, loose bits.

    Two spellings of one signature would be two tokens with one meaning.
    """
    if not _ALPHABET.fullmatch(text):
        raise ValueError("not base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url_encode(data) != text:
        raise ValueError("base64url is not canonical")
    return data


def json_object(data: bytes) -> dict[str, Any]:
    """Decode one JSON object in UTF-8; ValueError for anything else.

    Refuses what Python's parser lets through: a name given twice at any depth (RFC 7515 and 7519,
    section 4), NaN, Infinity and numbers that overflow to it, other encodings (RFC 8725 section
    2.6), and more than 64 opening brackets.
    """
    text = data.decode("utf-8")
    if text.count("{") + text.count("[") > _MAX_BRACKETS:
        raise ValueError("JSON is nested too deeply")
    value = json.loads(
        text,
        object_pairs_hook=_unique_names,
        parse_float=_finite,
        parse_constant=_no_constant,
    )
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  one error for every bad input
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a JSON name is given twice")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("a JSON number is not finite")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"JSON has no {text}")
