"""Tokens whose header or payload is no JSON object, or one that parsers disagree about."""

import json
from collections.abc import Callable
from typing import Literal, TypeAlias

from shared_lib.testing.forgery import Forger, claims_of
from shared_lib.testing.hostile._vector import HostileToken, Make, group

__all__ = ["JSON"]

_Part: TypeAlias = Literal["header", "payload"]
_Change: TypeAlias = Callable[[bytes], bytes]


def _changed(forger: Forger, part: _Part, change: _Change) -> str:
    """A good token of which the JSON text of one part is changed, and rightly signed."""
    good = forger.good_header if part == "header" else claims_of(forger.good())
    text = change(json.dumps(good, separators=(",", ":")).encode())
    return forger.raw(header=text) if part == "header" else forger.raw(payload=text)


def _with(member: bytes) -> _Change:
    return lambda text: text[:-1] + b"," + member + b"}"


def _put(name: bytes, value: bytes) -> _Change:
    """The text with the value of a member, which is a number or a string, replaced."""

    def change(text: bytes) -> bytes:
        before, _, after = text.partition(b'"' + name + b'":')
        end = min(place for place in (after.find(b","), after.find(b"}")) if place >= 0)
        return before + b'"' + name + b'":' + value + after[end:]

    return change


def _deep(levels: int, opening: bytes, closing: bytes, core: bytes = b"1") -> _Change:
    return _with(b'"x":' + opening * levels + core + closing * levels)


_NO_OBJECT = "RFC 7515 5.2; RFC 7519 7.2"
_BOTH: tuple[tuple[str, str, str, _Change], ...] = (
    ("a list", _NO_OBJECT, "not a JSON object", lambda text: b"[" + text + b"]"),
    ("a string", _NO_OBJECT, "not a JSON object", lambda _: b'"RS256"'),
    ("a number", _NO_OBJECT, "not a JSON object", lambda _: b"1"),
    ("null", _NO_OBJECT, "not a JSON object", lambda _: b"null"),
    ("a space", _NO_OBJECT, "Expecting value", lambda _: b" "),
    ("no JSON", _NO_OBJECT, "", lambda text: text.replace(b'"', b"'")),
    ("unfinished", _NO_OBJECT, "", lambda text: text[:-1]),
    ("followed by more", _NO_OBJECT, "Extra data", lambda text: text + b"{}"),
    ("followed by a NUL", _NO_OBJECT, "Extra data", lambda text: text + b"\0"),
    ("with a comma too many", _NO_OBJECT, "", lambda text: text[:-1] + b",}"),
    ("with a comment", _NO_OBJECT, "", lambda text: b"/**/" + text),
    ("with a control character", _NO_OBJECT, "Invalid control", _with(b'"x":"\x01"')),
    ("in UTF-16", "RFC 8725 2.6, 3.7", "can't decode", lambda t: t.decode().encode("utf-16")),
    ("in UTF-16 without a mark", "RFC 8725 2.6, 3.7", "", lambda t: t.decode().encode("utf-16-le")),
    ("in UTF-32", "RFC 8725 2.6, 3.7", "", lambda t: t.decode().encode("utf-32-be")),
    ("with a byte order mark", "RFC 8725 2.6, 3.7", "BOM", lambda text: b"\xef\xbb\xbf" + text),
    ("with broken UTF-8", "RFC 8725 2.6, 3.7", "can't decode", _with(b'"x":"\xff"')),
    ("with overlong UTF-8", "RFC 8725 2.6, 3.7", "can't decode", _with(b'"x":"\xc0\xaf"')),
    (
        "with a surrogate in UTF-8",
        "RFC 8725 2.6, 3.7",
        "can't decode",
        _with(b'"x":"\xed\xa0\x80"'),
    ),
    ("with NaN", "RFC 8259 6", "JSON has no NaN", _with(b'"x":NaN')),
    ("with Infinity", "RFC 8259 6", "JSON has no Infinity", _with(b'"x":Infinity')),
    ("with -Infinity", "RFC 8259 6", "JSON has no -Infinity", _with(b'"x":-Infinity')),
    ("with 1e999", "RFC 8259 6", "not finite", _with(b'"x":1e999')),
    ("with a number of 5000 digits", "RFC 8259 6", "Exceeds", _with(b'"x":' + b"9" * 5000)),
    ("with a name twice inside", "RFC 7515 4; RFC 7519 4", "twice", _with(b'"x":{"a":1,"a":2}')),
    (
        "with a name twice deep inside",
        "RFC 7515 4; RFC 7519 4",
        "twice",
        _with(b'"x":[[{"a":1,"a":1}]]'),
    ),
    ("nested 65 objects deep", "RFC 8259 9", "nested too deeply", _deep(65, b'{"a":', b"}")),
    ("nested 65 lists deep", "RFC 8259 9", "nested too deeply", _deep(65, b"[", b"]")),
    ("nested 2500 lists deep", "RFC 8259 9", "nested too deeply", _deep(2500, b"[", b"]")),
    ("with 3000 opening brackets", "RFC 8259 9", "nested too", _deep(3000, b"[", b"", b"")),
)

_ONE: tuple[tuple[_Part, str, str, str, _Change], ...] = (
    ("header", "with alg twice", "RFC 7515 4", "twice", _with(b'"alg":"RS256"')),
    (
        "header",
        "with alg none, then RS256",
        "RFC 7515 4",
        "twice",
        lambda text: b'{"alg":"none",' + text[1:],
    ),
    ("header", "with alg twice, once escaped", "RFC 7515 4", "twice", _with(b'"\\u0061lg":"none"')),
    ("header", "with kid twice", "RFC 7515 4", "twice", _with(b'"kid":"other"')),
    ("header", "with typ twice", "RFC 7515 4", "twice", _with(b'"typ":"JWT"')),
    (
        "header",
        "with Alg instead of alg",
        "RFC 7515 4",
        "alg",
        lambda text: text.replace(b'"alg"', b'"Alg"'),
    ),
    ("payload", "with exp twice", "RFC 7519 4", "twice", _with(b'"exp":9999999999')),
    (
        "payload",
        "with sub twice",
        "RFC 7519 4",
        "twice",
        _with(b'"sub":"00000000-0000-4000-8000-000000000000"'),
    ),
    (
        "payload",
        "with tenant_id twice, once escaped",
        "RFC 7519 4",
        "twice",
        _with(b'"tenant\\u005fid":"00000000-0000-4000-8000-000000000000"'),
    ),
    ("payload", "with role twice, alike", "RFC 7519 4", "twice", _with(b'"role":"standard"')),
    ("payload", "with exp NaN", "RFC 7519 2", "JSON has no NaN", _put(b"exp", b"NaN")),
    ("payload", "with exp Infinity", "RFC 7519 2", "JSON has no", _put(b"exp", b"Infinity")),
    ("payload", "with exp 1e999", "RFC 7519 2", "not finite", _put(b"exp", b"1e999")),
    ("payload", "with exp with an exponent", "RFC 7519 2", "exp", _put(b"exp", b"9e9")),
    ("payload", "with exp with leading zeros", "RFC 8259 6", "", _put(b"exp", b"0099999999")),
    ("payload", "with exp in hexadecimal", "RFC 8259 6", "", _put(b"exp", b"0xffffffff")),
    ("payload", "with exp and a plus sign", "RFC 8259 6", "", _put(b"exp", b"+9999999999")),
    ("payload", "with exp of 5000 digits", "RFC 7519 2", "Exceeds", _put(b"exp", b"9" * 5000)),
    ("payload", "with exp of 4000 digits", "RFC 7519 2", "exp", _put(b"exp", b"9" * 4000)),
)


def _made(part: _Part, change: _Change) -> Make:
    return lambda f: _changed(f, part, change)


_PARTS: tuple[_Part, ...] = ("header", "payload")

JSON: tuple[HostileToken, ...] = tuple(
    token
    for part, name, clause, reason, change in (
        *((part, *each) for part in _PARTS for each in _BOTH),
        *_ONE,
    )
    for token in group("json", clause, (f"{part} {name}", reason, _made(part, change)))
)
