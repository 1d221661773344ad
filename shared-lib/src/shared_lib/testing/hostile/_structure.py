"""Tokens that are wrong as text: parts, length, base64url."""

import json

from shared_lib.testing.forgery import Forger, claims_of
from shared_lib.testing.hostile._vector import group
from shared_lib.tokens import base64url_encode

__all__ = ["CAP", "ENCODING", "STRUCTURE", "filled_to"]

CAP = 8192
"""Characters of the longest token that is looked at."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def filled_to(forger: Forger, length: int) -> str:
    """A rightly signed token of exactly `length` characters, in members that nobody knows."""
    claims = claims_of(forger.good())
    for padding in range(3):  # base64url has no text of 4n + 1 letters
        header = {"x": "x" * padding}
        missing = length - len(forger.issuer.sign(header, claims | {"filling": ""}))
        for letters in range(missing * 3 // 4 - 1, missing * 3 // 4 + 2):
            token = forger.issuer.sign(header, claims | {"filling": "x" * letters})
            if len(token) == length:
                return token
    raise ValueError(f"no token of ours has {length} characters")


def _with_signature(forger: Forger, signature: str) -> str:
    return f"{forger.good().rpartition('.')[0]}.{signature}"


def _with_loose_bits(part: int, forger: Forger) -> str:
    """A part whose last letter has bits that mean nothing, signed as it is spelled."""
    header, claims = forger.good_header, claims_of(forger.good())
    (header, claims)[part]["x"] = ""
    while len(text := forger.issuer.sign(header, claims).split(".")[part]) % 4 == 0:
        (header, claims)[part]["x"] += "x"  # every bit of the last letter counts
    parts = forger.issuer.sign(header, claims).split(".")[:2]
    parts[part] = text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) + 1]
    return _signed(forger, ".".join(parts))


def _padded(forger: Forger) -> str:
    """A header that is padded, and signed as it is spelled."""
    header, claims = forger.good_header, claims_of(forger.good())
    header["x"] = ""
    while len(forger.issuer.sign(header, claims).partition(".")[0]) % 4 == 0:
        header["x"] += "x"
    first, second, _ = forger.issuer.sign(header, claims).split(".")
    return _signed(forger, f"{first}{'=' * (-len(first) % 4)}.{second}")


def _signed(forger: Forger, signing_input: str) -> str:
    signature = forger.issuer.signing_key.signature(signing_input.encode("ascii"))
    return f"{signing_input}.{base64url_encode(signature)}"


def _as_json(forger: Forger, *, flattened: bool) -> str:
    """RFC 7515 section 7.2: the JSON serializations of a good token."""
    protected, payload, signature = forger.good().split(".")
    signed = {"protected": protected, "signature": signature}
    if flattened:
        return json.dumps({"payload": payload, **signed})
    return json.dumps({"payload": payload, "signatures": [signed]})


STRUCTURE = (
    *group(
        "structure",
        "RFC 7515 7.1",
        ("empty", "three parts", lambda _: ""),
        ("a word", "three parts", lambda _: "token"),
        ("null, as a script writes it", "three parts", lambda _: "null"),
        ("two parts", "three parts", lambda f: f.good().rpartition(".")[0]),
        ("four parts", "three parts", lambda f: f.good() + ".e30"),
        ("a dot at the end", "three parts", lambda f: f.good() + "."),
        ("a dot at the beginning", "three parts", lambda f: "." + f.good()),
        ("two dots in a row", "three parts", lambda f: f.good().replace(".", "..", 1)),
        ("only dots", "three parts", lambda _: ".."),
        ("no header", "three parts", lambda f: "." + f.good().partition(".")[2]),
        ("twice with a comma", "three parts", lambda f: f"{f.good()},{f.good()}"),
        (
            "detached payload",  # RFC 7515 appendix F
            "three parts",
            lambda f: f.good().split(".")[0] + ".." + f.good().split(".")[2],
        ),
        (
            "fullwidth dots",
            "ordinal not in range",
            lambda f: f.good().replace(".", "\N{FULLWIDTH FULL STOP}"),
        ),
    ),
    *group(
        "structure",
        "RFC 7515 7.2",
        ("JSON serialization", "three parts", lambda f: _as_json(f, flattened=False)),
        ("flattened JSON serialization", "three parts", lambda f: _as_json(f, flattened=True)),
    ),
    *group(
        "structure",
        "RFC 7516 7.1",
        ("five parts, as a JWE has", "three parts", lambda _: "e30.e30.e30.e30.e30"),
        (
            "five parts with the header of a JWE",
            "three parts",
            lambda _: base64url_encode(b'{"alg":"dir","enc":"A256GCM"}') + "..e30.e30.e30",
        ),
    ),
    *group(
        "size",
        "OWASP API4:2023",
        ("one character over the cap", "length", lambda f: filled_to(f, CAP + 1)),
        ("longer than the cap", "length", lambda f: f.good() + "A" * CAP),
        ("dots only, over the cap", "length", lambda _: "." * (CAP + 1)),
    ),
    *group(
        "size",
        "OWASP API4:2023",
        ("a megabyte", "length", lambda _: "A" * 1_000_000),
        travels=False,
    ),
)

ENCODING = (
    *group(
        "encoding",
        "RFC 7515 2",
        ("padded", "not base64url", lambda f: f.good() + "=="),
        ("padded once", "not base64url", lambda f: f.good() + "="),
        ("padded header", "not base64url", _padded),
        ("plain base64 alphabet", "not base64url", lambda f: _with_signature(f, "ab+/")),
        ("escaped for a URL", "three parts", lambda f: f.good().replace(".", "%2E")),
        ("quoted", "not base64url", lambda f: f'"{f.good()}"'),
        ("impossible length", "cannot be 1 more", lambda f: _with_signature(f, "A")),
        ("loose bits in the header", "not canonical", lambda f: _with_loose_bits(0, f)),
        ("loose bits in the payload", "not canonical", lambda f: _with_loose_bits(1, f)),
        ("space inside", "not base64url", lambda f: f.good().replace(".", ". ", 1)),
        ("tab inside", "not base64url", lambda f: f.good().replace(".", ".\t", 1)),
        ("letters beyond ASCII", "ordinal not in range", lambda f: f.good() + "é"),
        (
            "fullwidth letter",
            "ordinal not in range",
            lambda f: f.good().replace("e", "\N{FULLWIDTH LATIN SMALL LETTER E}", 1),
        ),
        ("upper case", "", lambda f: f.good().upper()),
        ("lower case", "", lambda f: f.good().lower()),
        ("zero-width space", "ordinal not in range", lambda f: f.good() + "\N{ZERO WIDTH SPACE}"),
    ),
    *group(
        "encoding",
        "RFC 7515 2",
        ("newline at the end", "not base64url", lambda f: f.good() + "\n"),
        ("space at the end", "not base64url", lambda f: f.good() + " "),
        ("space at the beginning", "not base64url", lambda f: " " + f.good()),
        ("NUL at the end", "not base64url", lambda f: f.good() + "\0"),
        ("newline inside", "not base64url", lambda f: f.good().replace(".", ".\n", 1)),
        ("lone surrogate", "ordinal not in range", lambda f: f.good() + "\ud800"),
        travels=False,
    ),
)
