"""Rightly signed tokens with claims that are missing, of another type, or out of bounds."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from shared_lib.testing.forgery import ABSENT, Forger, claims_of
from shared_lib.testing.hostile._vector import PLAIN, HostileToken, Make, group

__all__ = ["CLAIMS"]

_Value: TypeAlias = Callable[[Forger], Any]

_ID = UUID("c4ae1e3e-5a3b-4bfe-8c1d-9a7e6f5d4c3b")

_IDS: dict[str, Any] = {
    "null": None,
    "a number": 7,
    "true": True,
    "a name": "root",
    "empty": "",
    "in upper case": str(_ID).upper(),
    "in braces": f"{{{_ID}}}",
    "without hyphens": _ID.hex,
    "as URN": _ID.urn,
    "with a space": f"{_ID} ",
    "with a newline": f"{_ID}\n",
    "with hyphens elsewhere": f"{_ID.hex[:4]}-{_ID.hex[4:]}",
    "with a letter too few": str(_ID)[:-1],
    "with a letter too many": f"{_ID}0",
    "with fullwidth digits": str(_ID).replace("4", "\N{FULLWIDTH DIGIT FOUR}"),
    "a lone surrogate": "\ud800",
    "a list": [str(_ID)],
    "an object": {"id": str(_ID)},
}

_INSTANTS: dict[str, _Value] = {
    "null": lambda _: None,
    "a string": lambda f: str(f.now + 60),
    "empty": lambda _: "",
    "a date": lambda _: "2099-01-01T00:00:00Z",
    "a fraction": lambda f: f.now + 0.5,
    "a whole number written as a fraction": lambda f: float(f.now),
    "true": lambda _: True,
    "negative": lambda _: -1,
    "in milliseconds": lambda f: f.now * 1000,
    "beyond the year 9999": lambda _: 10**15,
    "beyond 64 bits": lambda _: 2**64 + 1,
    "with 400 digits": lambda _: 10**400,
    "a list": lambda f: [f.now],
    "an object": lambda f: {"value": f.now},
}

_NAMES: dict[str, Any] = {
    "null": None,
    "a number": 1,
    "true": True,
    "empty": "",
    "too long": "x" * 129,
    "with a space": "a b",
    "with a newline": "a\nb",
    "with a NUL": "a\0b",
    "beyond ASCII": "clïent",
    "a lone surrogate": "\ud800",
    "a list": ["a"],
    "an object": {"a": "a"},
}

_METHODS: dict[str, Any] = {
    "null": None,
    "empty": [],
    "a string": "pwd",
    "an object": {"pwd": True},
    "of numbers": [1],
    "of lists": [["pwd"]],
    "of nine": ["pwd"] * 9,
    "with an empty name": ["pwd", ""],
}

_ROLES: dict[str, Any] = {
    "unknown": "root",
    "in upper case": "OWNER",
    "with a space": "owner ",
    "empty": "",
    "null": None,
    "true": True,
    "a number": 0,
    "a list": ["owner"],
    "an object": {"owner": True},
    "of the platform": "platform_admin",
    "of a support agent": "support_agent",
    "of a support session": "support",
}


def _with(claim: str, value: _Value) -> Make:
    return lambda f: f.member(**{claim: value(f)})


def _replaced(
    group_name: str, clause: str, claim: str, values: dict[str, _Value]
) -> tuple[HostileToken, ...]:
    """A token with each of the values in place of the claim, refused for the claim."""
    vectors = ((f"{claim} {name}", claim, _with(claim, value)) for name, value in values.items())
    return group(group_name, clause, *vectors)


def _same(values: dict[str, Any]) -> dict[str, _Value]:
    """Values that depend on nothing."""
    return {name: partial(_itself, value) for name, value in values.items()}


def _itself(value: object, forger: Forger) -> object:
    del forger  # it depends on nothing
    return value


def _shouted(claim: str) -> Make:
    """The claim under a name in upper case, which is another name (RFC 7519 section 10.1.1)."""
    return lambda f: f.member(**{claim: ABSENT, claim.upper(): claims_of(f.good())[claim]})


def _wrapped(forger: Forger) -> str:
    return forger.raw(payload=json.dumps({"claims": claims_of(forger.good())}).encode())


_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "client_id")

MISSING = (
    *(
        token
        for claim in _REQUIRED
        for token in group(
            "missing claims",
            "RFC 9068 2.2, 4",
            (f"no {claim}", claim, _with(claim, lambda _: ABSENT)),
            (f"{claim} in upper case only", claim, _shouted(claim)),
        )
    ),
    *group(
        "missing claims",
        "RFC 9068 2.2, 4",
        ("no claim at all", "iss", lambda f: f.raw(payload=b"{}")),
        ("claims one level too deep", "iss", _wrapped),
    ),
)

IDENTIFIERS = (
    *_replaced("identifiers", "RFC 9068 2.2; RFC 9562 4", "sub", _same(_IDS)),
    *_replaced("identifiers", "RFC 9562 4", "sid", _same(_IDS)),
    *_replaced("identifiers", "RFC 9562 4", "tenant_id", _same(_IDS)),
    *_replaced("identifiers", "RFC 7519 4.1.7", "jti", _same(_NAMES)),
    *_replaced("identifiers", "RFC 9068 2.2; RFC 6749 A.1", "client_id", _same(_NAMES)),
)

ISSUERS = _replaced(
    "issuer",
    "RFC 8725 3.8; RFC 9068 4",
    "iss",
    {
        "null": lambda _: None,
        "empty": lambda _: "",
        "a number": lambda _: 1,
        "true": lambda _: True,
        "a list": lambda f: [f.issuer.issuer],
        "an object": lambda f: {f.issuer.issuer: True},
        "of another": lambda _: "https://evil.example.com",
        "with a slash": lambda f: f.issuer.issuer + "/",
        "with a dot": lambda f: f.issuer.issuer + ".",
        "with a query": lambda f: f.issuer.issuer + "?",
        "with a path": lambda f: f.issuer.issuer + "/../",
        "with a space": lambda f: f.issuer.issuer + " ",
        "with a NUL": lambda f: f.issuer.issuer + "\0",
        "in upper case": lambda f: f.issuer.issuer.upper(),
        "without its scheme": lambda f: f.issuer.issuer.partition("://")[2],
        "with another scheme": lambda f: "ftp://" + f.issuer.issuer.partition("://")[2],
        "with a port": lambda f: f.issuer.issuer + ":443",
        "with somebody before it": lambda f: f.issuer.issuer.replace("://", "://evil@"),
        "as the beginning of another": lambda f: f.issuer.issuer + ".evil.example.com",
        "a prefix": lambda f: f.issuer.issuer[:-1],
        "with a letter that looks alike": lambda f: f.issuer.issuer.replace(
            "o", "\N{CYRILLIC SMALL LETTER O}"
        ),
        "with a fullwidth letter": lambda f: f.issuer.issuer.replace(
            "h", "\N{FULLWIDTH LATIN SMALL LETTER H}"
        ),
    },
)

TIMES = (
    *_replaced("time", "RFC 7519 2, 4.1.4", "exp", _INSTANTS),
    *_replaced("time", "RFC 7519 2, 4.1.6", "iat", _INSTANTS),
    *_replaced("time", "RFC 9068 2.2.1; RFC 7519 2", "auth_time", _INSTANTS),
    *group(
        "time",
        "RFC 7519 2, 4.1.5",
        *(
            (f"nbf {name}", "nbf", _with("nbf", value))
            for name, value in _INSTANTS.items()
            if name != "negative"  # it has been valid for long
        ),
        ("nbf in 31 seconds", "nbf", lambda f: f.member(nbf=f.now + 31)),
    ),
    *group(
        "time",
        "RFC 7519 4.1.4",
        ("expired 30 seconds ago", "expired", lambda f: _aged(f, iat=-900, exp=-30)),
        ("expired for years", "expired", lambda f: _aged(f, iat=-(10**9), exp=900 - 10**9)),
        ("of the year 1970", "expired", lambda f: f.member(auth_time=0, iat=0, exp=900)),
        ("exp before iat", "life", lambda f: _aged(f, iat=0, exp=-1)),
        ("exp at iat", "life", lambda f: _aged(f, iat=0, exp=0)),
        ("lives longer than an hour", "life", lambda f: _aged(f, iat=0, exp=3601)),
        ("lives until the year 9999", "life", lambda f: f.member(exp=253_402_300_799)),
    ),
    *group(
        "time",
        "RFC 7519 4.1.6",
        ("iat in 31 seconds", "in the future", lambda f: _aged(f, iat=31, exp=900)),
        ("iat tomorrow", "in the future", lambda f: _aged(f, iat=86_400, exp=87_300)),
    ),
    *group(
        "time",
        "RFC 9068 2.2.1",
        ("auth_time after iat", "auth_time", lambda f: f.member(auth_time=f.now + 31)),
    ),
)


def _aged(forger: Forger, *, iat: int, exp: int) -> str:
    """A token that begins and ends so many seconds from now."""
    iat, exp = forger.now + iat, forger.now + exp
    return forger.member(auth_time=min(forger.now, iat), iat=iat, exp=exp)


ROLES = (
    *_replaced("roles", "RFC 9068 2.2.3; ours", "role", _same(_ROLES)),
    *_replaced("roles", "RFC 9068 2.2.1; RFC 8176 1", "amr", _same(_METHODS)),
    *group(
        "roles",
        "RFC 9068 2.2.3; ours",
        ("role of an organization without one", "role", lambda f: f.person(role="owner")),
        ("role of a support session without one", "role", lambda f: f.person(role="support")),
        ("role of the platform for a program", "role", lambda f: f.account(role="platform_admin")),
        places=PLAIN,
    ),
)

CLAIMS = (*MISSING, *IDENTIFIERS, *ISSUERS, *TIMES, *ROLES)
