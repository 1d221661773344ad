"""Ways to send a good token that must not count."""

from base64 import b64encode

from shared_lib.testing.hostile._structure import CAP
from shared_lib.testing.hostile._vector import GoodTransport, HostileTransport, Sent

__all__ = ["GOOD_TRANSPORTS", "HOSTILE_TRANSPORTS"]

_MISSING, _INVALID = "missing_token", "invalid_token"


def _sent(*values: str | bytes, name: bytes = b"Authorization") -> Sent:
    """Headers of one name, one for each value."""
    encoded = (value if isinstance(value, bytes) else value.encode() for value in values)
    return Sent(headers=tuple((name, value) for value in encoded))


def _in_header(name: bytes, token: str, before: str = "Bearer ") -> Sent:
    return _sent(before + token, name=name)


def _with_body(media_type: bytes, body: bytes) -> Sent:
    return Sent(headers=((b"Content-Type", media_type),), body=body)


_SCHEMES = (
    ("no Authorization at all", _MISSING, lambda _: Sent()),
    ("empty header", _MISSING, lambda _: _sent("")),
    ("scheme without a token", _INVALID, lambda _: _sent("Bearer")),
    ("scheme and a space", _INVALID, lambda _: _sent("Bearer ")),
    ("token without a scheme", _MISSING, _sent),
    ("scheme Basic", _MISSING, lambda t: _sent(f"Basic {t}")),
    ("scheme Basic, encoded", _MISSING, lambda t: _sent(b"Basic " + b64encode(f"x:{t}".encode()))),
    ("scheme Digest", _MISSING, lambda t: _sent(f"Digest {t}")),
    ("scheme DPoP", _MISSING, lambda t: _sent(f"DPoP {t}")),
    ("scheme JWT", _MISSING, lambda t: _sent(f"JWT {t}")),
    ("scheme Token", _MISSING, lambda t: _sent(f"Token {t}")),
    ("scheme Negotiate", _MISSING, lambda t: _sent(f"Negotiate {t}")),
    ("scheme with a colon", _MISSING, lambda t: _sent(f"Bearer: {t}")),
    ("scheme with an equals sign", _MISSING, lambda t: _sent(f"Bearer={t}")),
    ("scheme without a space", _MISSING, lambda t: _sent(f"Bearer{t}")),
    ("scheme longer", _MISSING, lambda t: _sent(f"Bearerx {t}")),
    ("scheme quoted", _MISSING, lambda t: _sent(f'"Bearer" {t}')),
    (
        "scheme with a fullwidth letter",
        _MISSING,
        lambda t: _sent(f"\N{FULLWIDTH LATIN CAPITAL LETTER B}earer {t}"),
    ),
    ("tab after the scheme", _MISSING, lambda t: _sent(f"Bearer\t{t}")),
    ("no-break space after the scheme", _MISSING, lambda t: _sent(b"Bearer\xa0" + t.encode())),
    ("space and tab after the scheme", _INVALID, lambda t: _sent(f"Bearer \t{t}")),
    ("scheme twice", _INVALID, lambda t: _sent(f"Bearer Bearer {t}")),
)

_SPELLINGS = (
    ("null, as a script writes it", _INVALID, lambda _: _sent("Bearer null")),
    ("undefined, as a script writes it", _INVALID, lambda _: _sent("Bearer undefined")),
    ("an object, as a script writes it", _INVALID, lambda _: _sent("Bearer [object Object]")),
    ("as a parameter", _INVALID, lambda t: _sent(f"Bearer access_token={t}")),
    ("as a quoted parameter", _INVALID, lambda t: _sent(f'Bearer token="{t}"')),
    ("with a parameter", _INVALID, lambda t: _sent(f"Bearer {t}; realm=x")),
    ("quoted", _INVALID, lambda t: _sent(f'Bearer "{t}"')),
    ("in angle brackets", _INVALID, lambda t: _sent(f"Bearer <{t}>")),
    ("twice with a space", _INVALID, lambda t: _sent(f"Bearer {t} {t}")),
    ("twice with a comma", _INVALID, lambda t: _sent(f"Bearer {t},{t}")),
    ("joined as a proxy joins headers", _INVALID, lambda t: _sent(f"Bearer {t}, Bearer {t}")),
    ("joined with Basic", _INVALID, lambda t: _sent(f"Bearer {t}, Basic eDp5")),
    ("joined behind Basic", _MISSING, lambda t: _sent(f"Basic eDp5, Bearer {t}")),
    ("a comma at the end", _INVALID, lambda t: _sent(f"Bearer {t},")),
    ("a dot at the end", _INVALID, lambda t: _sent(f"Bearer {t}.")),
    ("padded", _INVALID, lambda t: _sent(f"Bearer {t}==")),
    ("escaped for a URL", _INVALID, lambda t: _sent(f"Bearer {t.replace('.', '%2E')}")),
    ("in upper case", _INVALID, lambda t: _sent(f"Bearer {t.upper()}")),
    ("in lower case", _INVALID, lambda t: _sent(f"Bearer {t.lower()}")),
    ("a space inside", _INVALID, lambda t: _sent(f"Bearer {t.replace('.', '. ', 1)}")),
    ("a tab inside", _INVALID, lambda t: _sent(f"Bearer {t.replace('.', '.' + chr(9), 1)}")),
    ("a byte beyond ASCII", _INVALID, lambda t: _sent(b"Bearer " + t.encode() + b"\xff")),
    ("UTF-8 beyond ASCII", _INVALID, lambda t: _sent(f"Bearer {t}é")),
    ("a byte order mark", _INVALID, lambda t: _sent(f"Bearer \ufeff{t}")),
    ("in UTF-8, as a zero-width space", _INVALID, lambda t: _sent(f"Bearer {t}\u200b")),
    ("over the cap", _INVALID, lambda t: _sent(f"Bearer {t}{'A' * CAP}")),
    ("four times the cap", _INVALID, lambda t: _sent(f"Bearer {t}{'A' * CAP * 4}")),
)

_SEVERAL = (
    ("two headers alike", _INVALID, lambda t: _sent(f"Bearer {t}", f"Bearer {t}")),
    ("good and bad", _INVALID, lambda t: _sent(f"Bearer {t}", "Bearer x.y.z")),
    ("bad and good", _INVALID, lambda t: _sent("Bearer x.y.z", f"Bearer {t}")),
    ("good and empty", _INVALID, lambda t: _sent(f"Bearer {t}", "")),
    ("empty and good", _INVALID, lambda t: _sent("", f"Bearer {t}")),
    ("good and Basic", _INVALID, lambda t: _sent(f"Bearer {t}", "Basic eDp5")),
    ("Basic and good", _INVALID, lambda t: _sent("Basic eDp5", f"Bearer {t}")),
    (
        "names in two cases",
        _INVALID,
        lambda t: Sent(
            headers=(
                (b"authorization", f"Bearer {t}".encode()),
                (b"AUTHORIZATION", f"Bearer {t}".encode()),
            )
        ),
    ),
    (
        "good in the header, another in the query",
        _INVALID,
        lambda t: Sent(
            headers=((b"Authorization", b"Bearer x.y.z"),), query=f"access_token={t}".encode()
        ),
    ),
)

_ELSEWHERE = (
    ("query access_token", _MISSING, lambda t: Sent(query=f"access_token={t}".encode())),
    ("query token", _MISSING, lambda t: Sent(query=f"token={t}".encode())),
    ("query Authorization", _MISSING, lambda t: Sent(query=f"Authorization=Bearer%20{t}".encode())),
    (
        "form",
        _MISSING,
        lambda t: _with_body(b"application/x-www-form-urlencoded", f"access_token={t}".encode()),
    ),
    (
        "JSON body",
        _MISSING,
        lambda t: _with_body(b"application/json", f'{{"access_token":"{t}"}}'.encode()),
    ),
    ("cookie access_token", _MISSING, lambda t: _in_header(b"Cookie", t, "access_token=")),
    ("cookie refresh", _MISSING, lambda t: _in_header(b"Cookie", t, "refresh=")),
    ("cookie __Host-refresh", _MISSING, lambda t: _in_header(b"Cookie", t, "__Host-refresh=")),
    ("cookie Authorization", _MISSING, lambda t: _in_header(b"Cookie", t, "Authorization=")),
    ("Proxy-Authorization", _MISSING, lambda t: _in_header(b"Proxy-Authorization", t)),
    ("X-Authorization", _MISSING, lambda t: _in_header(b"X-Authorization", t)),
    ("X-Forwarded-Authorization", _MISSING, lambda t: _in_header(b"X-Forwarded-Authorization", t)),
    ("X-Access-Token", _MISSING, lambda t: _in_header(b"X-Access-Token", t, "")),
    ("X-API-Key", _MISSING, lambda t: _in_header(b"X-API-Key", t, "")),
    ("Authentication", _MISSING, lambda t: _in_header(b"Authentication", t)),
    ("HTTP_AUTHORIZATION", _MISSING, lambda t: _in_header(b"HTTP_AUTHORIZATION", t)),
    (
        "WebSocket protocol",
        _MISSING,
        lambda t: _in_header(b"Sec-WebSocket-Protocol", t, "bearer, "),
    ),
)

HOSTILE_TRANSPORTS = tuple(
    HostileTransport(f"{group}: {name}", group, clause, code, send)
    for group, clause, transports in (
        ("scheme", "RFC 6750 2.1; RFC 9110 11.4", _SCHEMES),
        ("credentials", "RFC 6750 2.1", _SPELLINGS),
        ("several headers", "RFC 9110 5.3; RFC 6750 2", _SEVERAL),
        ("elsewhere", "RFC 6750 2.2, 2.3; RFC 9700 4.3.2", _ELSEWHERE),
    )
    for name, code, send in transports
)

GOOD_TRANSPORTS = (
    GoodTransport("as everybody sends it", lambda t: _sent(f"Bearer {t}")),
    GoodTransport("scheme in lower case", lambda t: _sent(f"bearer {t}")),
    GoodTransport("scheme in upper case", lambda t: _sent(f"BEARER {t}")),
    GoodTransport("scheme in mixed case", lambda t: _sent(f"bEaReR {t}")),
    GoodTransport("more than one space", lambda t: _sent(f"Bearer   {t}")),
    GoodTransport("space at the end", lambda t: _sent(f"Bearer {t} ")),
    GoodTransport(
        "beside a cookie",
        lambda t: Sent(headers=(*_sent(f"Bearer {t}").headers, (b"Cookie", b"a=b"))),
    ),
)
