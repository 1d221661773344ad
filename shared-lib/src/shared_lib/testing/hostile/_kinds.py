"""Tokens for somebody else, of another kind, or of two kinds at once."""

from uuid import UUID, uuid4

from shared_lib.testing.forgery import ABSENT, Forger
from shared_lib.testing.hostile._vector import EVERYWHERE, INTERNALS, PLAIN, Make, Place, group
from shared_lib.tokens import internal_audience

__all__ = ["KINDS"]

_AGENT = {"sub": "c4ae1e3e-5a3b-4bfe-8c1d-9a7e6f5d4c3b", "role": "support_agent"}
_SESSION = {"id": "0b7b1c62-52de-4a55-9b55-6f0c0b1f4d2a", "mode": "read_only"}
_COMBINATION = "combination of claims"
_CORES = frozenset({Place.CORE})
_NOT_CORE = EVERYWHERE - _CORES


def _internal(forger: Forger) -> str:
    return internal_audience(forger.audience)


def _id_token(forger: Forger) -> str:
    return forger.member(client_id=ABSENT, azp="phase-zero-web", nonce="n", at_hash="h")


AUDIENCES = (
    *group(
        "audience",
        "RFC 8725 3.9; RFC 9068 4",
        ("aud null", "aud", lambda f: f.member(aud=None)),
        ("aud empty", "aud", lambda f: f.member(aud=[])),
        ("aud an empty string", "aud", lambda f: f.member(aud="")),
        ("aud a number", "aud", lambda f: f.member(aud=1)),
        ("aud true", "aud", lambda f: f.member(aud=True)),
        ("aud an object", "aud", lambda f: f.member(aud={f.audience: 1})),
        ("aud a list in a list", "aud", lambda f: f.member(aud=[[f.audience]])),
        ("aud with a number", "aud", lambda f: f.member(aud=[f.audience, 1])),
        ("aud with null", "aud", lambda f: f.member(aud=[f.audience, None])),
        ("aud of nine", "aud", lambda f: f.member(aud=[f.audience] * 9)),
        ("aud of the other service", "aud", lambda f: f.member(aud=f.other_audience)),
        ("aud of a stranger", "aud", lambda f: f.member(aud=["https://evil.example.com"])),
        ("aud any", "aud", lambda f: f.member(aud="*")),
        ("aud the issuer", "aud", lambda f: f.member(aud=f.issuer.issuer)),
        ("aud the client", "aud", lambda f: f.member(aud="phase-zero-web")),
        ("aud a prefix", "aud", lambda f: f.member(aud=f.audience[:-1])),
        ("aud with more", "aud", lambda f: f.member(aud=f.audience + "s")),
        ("aud with a slash", "aud", lambda f: f.member(aud=f.audience + "/")),
        ("aud with a space", "aud", lambda f: f.member(aud=f.audience + " ")),
        ("aud in upper case", "aud", lambda f: f.member(aud=f.audience.upper())),
        (
            "aud both, with a comma",
            "aud",
            lambda f: f.member(aud=f"{f.audience},{f.other_audience}"),
        ),
        (
            "aud both, with a space",
            "aud",
            lambda f: f.member(aud=f"{f.audience} {f.other_audience}"),
        ),
        (
            "aud with a letter that looks alike",
            "aud",
            lambda f: f.member(aud=f.audience.replace("e", "\N{CYRILLIC SMALL LETTER IE}")),
        ),
    ),
    *group(
        "audience",
        "RFC 8725 3.12; ours",
        ("aud internal in a person's token", "aud", lambda f: f.member(aud=_internal(f))),
        (
            "aud internal beside the plain one",
            "aud",
            lambda f: f.member(aud=[f.audience, _internal(f)]),
        ),
        (
            "aud internal of another beside the plain one",
            "aud",
            lambda f: f.member(aud=[f.audience, internal_audience(f.other_audience)]),
        ),
        ("aud internal in a program's token", "aud", lambda f: f.account(aud=_internal(f))),
        ("aud plain in a service's token", "aud", lambda f: f.service(aud=f.audience)),
        (
            "aud plain beside internal in a service's token",
            "aud",
            lambda f: f.service(aud=[_internal(f), f.audience]),
        ),
        (
            "aud internal of both services",
            "aud",
            lambda f: f.service(aud=[_internal(f), internal_audience(f.other_audience)]),
        ),
        ("aud internal with a slash", "aud", lambda f: f.service(aud=_internal(f) + "/")),
        ("aud internal in upper case", "aud", lambda f: f.service(aud=_internal(f).upper())),
        (
            "aud of identity in a support token",
            "aud",
            lambda f: f.support(aud=[f.audience, f.other_audience]),
        ),
        (
            "aud of the core twice in a support token",
            "aud",
            lambda f: f.support(aud=["product-core-api"] * 2),
        ),
        (
            "aud of identity only in a support token",
            "aud",
            lambda f: f.support(aud="identity-service"),
        ),
    ),
)

OTHER_TOKENS = (
    *group(
        "other tokens",
        "RFC 8725 3.12: between services",
        ("a service's token at a normal operation", "aud", lambda f: f.service()),
        places=PLAIN,
    ),
    *group(
        "other tokens",
        "RFC 8725 3.12: between services",
        (
            "a service's token for the other service",
            "aud",
            lambda f: f.issuer.service_to_service(audience=f.other_audience),
        ),
    ),
    *group(
        "other tokens",
        "RFC 8725 3.12: between services",
        ("a person's token at an internal operation", "aud", lambda f: f.member()),
        ("a token without organization at an internal operation", "aud", lambda f: f.person()),
        ("a platform admin's token at an internal operation", "aud", lambda f: f.staff()),
        ("a program's token at an internal operation", "aud", lambda f: f.account()),
        places=INTERNALS,
    ),
    *group(
        "other tokens",
        "ours: support tokens are for the core",
        ("a support token elsewhere", "aud", lambda f: f.support()),
        places=_NOT_CORE,
    ),
    *group(
        "other tokens",
        "RFC 8725 3.12: opaque tokens",
        ("a refresh token", "three parts", lambda _: "kq1b" * 11),
        ("an invitation's token", "three parts", lambda _: "Zm9v-YmFy_" * 4),
        ("a secret of a service account", "three parts", lambda _: "pz_secret_" + "a1" * 16),
        ("an API key", "three parts", lambda _: "pz_live_" + "a1" * 16),
        ("a UUID", "three parts", lambda f: str(f.sub)),
        ("a PASETO", "three parts", lambda _: "v4.public." + "AAAA" * 20 + ".AAAA"),
        ("a macaroon", "three parts", lambda _: "MDAxY2xvY2F0aW9uIGh0dHA6Ly9leGFtcGxl"),
        ("a session cookie", "three parts", lambda _: "session=abcdef; Path=/"),
    ),
    *group(
        "other tokens",
        "RFC 8725 3.12: an ID token's claims",
        ("no client_id, but azp and nonce", "client_id", _id_token),
    ),
)


COMBINATIONS = group(
    "kinds",
    "RFC 8725 3.12; ours",
    ("tenant without role", _COMBINATION, lambda f: f.member(role=ABSENT)),
    ("tenant null", "tenant_id", lambda f: f.person(tenant_id=None, role="owner")),
    ("role null without organization", "role", lambda f: f.person(role=None)),
    ("session without sid", _COMBINATION, lambda f: f.member(sid=ABSENT)),
    ("session without amr", _COMBINATION, lambda f: f.member(amr=ABSENT)),
    ("session without auth_time", _COMBINATION, lambda f: f.person(auth_time=ABSENT)),
    ("sid alone", _COMBINATION, lambda f: f.account(sid=str(f.sid))),
    ("role alone", _COMBINATION, lambda f: f.account(tenant_id=ABSENT)),
    ("tenant alone", _COMBINATION, lambda f: f.account(role=ABSENT)),
    ("service with a tenant", _COMBINATION, lambda f: f.service(tenant_id=str(f.tenant_id))),
    ("service with a role", _COMBINATION, lambda f: f.service(role="owner")),
    ("service with a session", "aud", lambda f: f.service(**_session(f))),
    (
        "service with an organization",
        "aud",
        lambda f: f.service(role="owner", tenant_id=str(uuid4())),
    ),
    ("service with act", _COMBINATION, lambda f: f.service(act=_AGENT)),
    (
        "service with act and support",
        _COMBINATION,
        lambda f: f.service(act=_AGENT, support=_SESSION),
    ),
)


def _session(forger: Forger) -> dict[str, object]:
    return {"sid": str(forger.sid), "auth_time": forger.now, "amr": ["pwd"]}


def _support(**changed: object) -> Make:
    return lambda f: f.support(**changed)


_ACT = {
    "null": None,
    "a string": _AGENT["sub"],
    "a list": [_AGENT],
    "empty": {},
    "two deep": _AGENT | {"act": _AGENT},
    "with more": _AGENT | {"x": 1},
    "with an issuer": _AGENT | {"iss": "https://identity.example.com"},
    "without role": {"sub": _AGENT["sub"]},
    "without sub": {"role": "support_agent"},
    "of no UUID": _AGENT | {"sub": "agent"},
    "of a UUID in upper case": _AGENT | {"sub": _AGENT["sub"].upper()},
    "of a UUID as URN": _AGENT | {"sub": UUID(_AGENT["sub"]).urn},
    "of null": _AGENT | {"sub": None},
    "with a role of an organization": _AGENT | {"role": "owner"},
    "with a role of a support session": _AGENT | {"role": "support"},
    "with a list of roles": _AGENT | {"role": ["support_agent"]},
    "with null for a role": _AGENT | {"role": None},
}

_SUPPORT = {
    "null": None,
    "a string": "read_only",
    "a list": [_SESSION],
    "empty": {},
    "with more": _SESSION | {"x": 1},
    "without id": {"mode": "read_only"},
    "without mode": {"id": _SESSION["id"]},
    "of no UUID": _SESSION | {"id": "1"},
    "of a UUID in upper case": _SESSION | {"id": _SESSION["id"].upper()},
    "of a UUID without hyphens": _SESSION | {"id": UUID(_SESSION["id"]).hex},
    "with an unknown mode": _SESSION | {"mode": "root"},
    "with a mode in upper case": _SESSION | {"mode": "READ_ONLY"},
    "with a list of modes": _SESSION | {"mode": ["read_only"]},
    "with null for a mode": _SESSION | {"mode": None},
}

DELEGATION = (
    *group(
        "delegation",
        "RFC 8693 4.1; ours",
        ("act without support", _COMBINATION, lambda f: f.member(act=_AGENT)),
        ("support without act", _COMBINATION, lambda f: f.member(support=_SESSION)),
        (
            "act on a person without organization",
            _COMBINATION,
            lambda f: f.person(act=_AGENT, support=_SESSION),
        ),
        (
            "act on staff of the platform",
            _COMBINATION,
            lambda f: f.staff(act=_AGENT, support=_SESSION),
        ),
        ("act on a program", _COMBINATION, lambda f: f.account(act=_AGENT, support=_SESSION)),
        (
            "support session without the agent's session",
            _COMBINATION,
            lambda f: f.support(sid=ABSENT),
        ),
        (
            "support session without organization",
            _COMBINATION,
            lambda f: f.support(tenant_id=ABSENT),
        ),
        ("support session without role", _COMBINATION, lambda f: f.support(role=ABSENT)),
        (
            "support session with a platform's role",
            "role",
            lambda f: f.support(role="platform_admin"),
        ),
        ("support session longer than an hour", "life", lambda f: f.support(exp=f.now + 3601)),
    ),
    *group(
        "delegation",
        "RFC 8693 4.1; ours",
        *((f"act {name}", "act", _support(act=value)) for name, value in _ACT.items()),
    ),
    *group(
        "delegation",
        "ours",
        *(
            (f"support {name}", "support", _support(support=value))
            for name, value in _SUPPORT.items()
        ),
    ),
)

KINDS = (*AUDIENCES, *OTHER_TOKENS, *COMBINATIONS, *DELEGATION)
