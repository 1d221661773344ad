"""Tokens that must be refused for what they claim, each for its own reason."""

import time
from typing import Any
from uuid import uuid4

import pytest

from shared_lib.errors import InvalidToken
from shared_lib.testing.forgery import ABSENT, Forger
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import CORE_AUDIENCE, IDENTITY_AUDIENCE, TokenVerifier

NOW = int(time.time())
ISSUER = TokenIssuer(clock=lambda: NOW)
FORGER = Forger(ISSUER)
RIGHT_UNDER_INTERNAL = "aud internal where the plain one is expected"

ID_CASES: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "a number": 7,
    "a name": "root",
    "empty": "",
    "upper case": str(uuid4()).upper().replace("0", "A"),
    "in braces": "{" + str(uuid4()) + "}",
    "without hyphens": uuid4().hex,
    "as URN": uuid4().urn,
    "with a space": str(uuid4()) + " ",
    "a list": [str(uuid4())],
    "an object": {"id": str(uuid4())},
}

INSTANT_CASES: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "a string": str(NOW),
    "a fraction": NOW + 0.5,
    "true": True,
    "negative": -1,
    "beyond the year 9999": 10**15,
    "with 400 digits": 10**400,
    "a list": [NOW],
}

NAME_CASES: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "a number": 1,
    "empty": "",
    "too long": "x" * 129,
    "with a space": "a b",
    "with a newline": "a\nb",
    "with a NUL": "a\0b",
    "beyond ASCII": "clïent",
    "a lone surrogate": "\ud800",
    "a list": ["a"],
}

CLAIMS: dict[str, tuple[str, str]] = (
    {f"sub {name}": (FORGER.member(sub=value), "sub") for name, value in ID_CASES.items()}
    | {
        f"{claim} {name}": (FORGER.member(**{claim: value}), claim)
        for claim in ("sid", "tenant_id")
        for name, value in ID_CASES.items()
        if value is not ABSENT
    }
    | {
        f"{claim} {name}": (FORGER.member(**{claim: value}), claim)
        for claim in ("iat", "exp")
        for name, value in INSTANT_CASES.items()
    }
    | {
        f"auth_time {name}": (FORGER.member(auth_time=value), "auth_time")
        for name, value in INSTANT_CASES.items()
        if value is not ABSENT
    }
    | {
        f"{claim} {name}": (FORGER.member(**{claim: value}), claim)
        for claim in ("client_id", "jti")
        for name, value in NAME_CASES.items()
    }
    | {
        "iss absent": (FORGER.member(iss=ABSENT), "iss"),
        "iss of another": (FORGER.member(iss="https://evil.example.com"), "iss"),
        "iss with a slash": (FORGER.member(iss=ISSUER.issuer + "/"), "iss"),
        "iss in upper case": (FORGER.member(iss=ISSUER.issuer.upper()), "iss"),
        "iss as a list": (FORGER.member(iss=[ISSUER.issuer]), "iss"),
        "expired": (FORGER.member(auth_time=NOW - 900, iat=NOW - 900, exp=NOW - 30), "expired"),
        "from the future": (FORGER.member(iat=NOW + 31, exp=NOW + 900), "issued in the future"),
        "exp before iat": (FORGER.member(iat=NOW, exp=NOW - 1), "life"),
        "exp at iat": (FORGER.member(iat=NOW, exp=NOW), "life"),
        "lives longer than an hour": (FORGER.member(iat=NOW, exp=NOW + 3601), "life"),
        "nbf in the future": (FORGER.member(nbf=NOW + 31), "nbf"),
        "nbf null": (FORGER.member(nbf=None), "nbf"),
        "nbf a string": (FORGER.member(nbf=str(NOW)), "nbf"),
        "nbf a fraction": (FORGER.member(nbf=NOW - 0.5), "nbf"),
        "nbf true": (FORGER.member(nbf=True), "nbf"),
        "auth_time after iat": (FORGER.member(auth_time=NOW + 31), "auth_time"),
        "amr empty": (FORGER.member(amr=[]), "amr"),
        "amr a string": (FORGER.member(amr="pwd"), "amr"),
        "amr of numbers": (FORGER.member(amr=[1]), "amr"),
        "amr of nine": (FORGER.member(amr=["pwd"] * 9), "amr"),
        "role unknown": (FORGER.member(role="root"), "role"),
        "role null": (FORGER.member(role=None), "role"),
        "role a list": (FORGER.member(role=["owner"]), "role"),
        "role of the platform in an organization": (
            FORGER.member(role="platform_admin"),
            "role",
        ),
        "role support without a support session": (FORGER.member(role="support"), "role"),
        "role of an organization without one": (FORGER.person(role="owner"), "role"),
    }
)

AUDIENCES: dict[str, tuple[str, str]] = {
    "aud absent": (FORGER.member(aud=ABSENT), "aud"),
    "aud null": (FORGER.member(aud=None), "aud"),
    "aud empty": (FORGER.member(aud=[]), "aud"),
    "aud empty string": (FORGER.member(aud=""), "aud"),
    "aud of another service": (FORGER.member(aud=IDENTITY_AUDIENCE), "aud"),
    "aud a prefix": (FORGER.member(aud=CORE_AUDIENCE[:-1]), "aud"),
    "aud in upper case": (FORGER.member(aud=CORE_AUDIENCE.upper()), "aud"),
    "aud a number": (FORGER.member(aud=1), "aud"),
    "aud an object": (FORGER.member(aud={CORE_AUDIENCE: 1}), "aud"),
    "aud with a number": (FORGER.member(aud=[CORE_AUDIENCE, 1]), "aud"),
    "aud of nine": (FORGER.member(aud=[CORE_AUDIENCE] * 9), "aud"),
    "aud internal in a person's token": (FORGER.member(aud=f"{CORE_AUDIENCE}/internal"), "aud"),
    "aud internal beside the plain one": (
        FORGER.member(aud=[CORE_AUDIENCE, f"{CORE_AUDIENCE}/internal"]),
        "aud",
    ),
    "aud internal of another beside the plain one": (
        FORGER.member(aud=[CORE_AUDIENCE, f"{IDENTITY_AUDIENCE}/internal"]),
        "aud",
    ),
    "aud plain in a service's token": (FORGER.service(aud=CORE_AUDIENCE), "aud"),
    "aud plain beside internal in a service's token": (
        FORGER.service(aud=[f"{CORE_AUDIENCE}/internal", CORE_AUDIENCE]),
        "aud",
    ),
    "aud internal twice": (
        FORGER.service(aud=[f"{CORE_AUDIENCE}/internal", f"{IDENTITY_AUDIENCE}/internal"]),
        "aud",
    ),
    RIGHT_UNDER_INTERNAL: (
        ISSUER.service_to_service(),
        "aud",
    ),
    "aud of identity in a support token": (
        FORGER.support(aud=[CORE_AUDIENCE, IDENTITY_AUDIENCE]),
        "aud",
    ),
    "aud of identity only in a support token": (FORGER.support(aud=IDENTITY_AUDIENCE), "aud"),
}

COMBINATION = "combination of claims"
AGENT = {"sub": str(uuid4()), "role": "support_agent"}
SESSION = {"id": str(uuid4()), "mode": "read_only"}

KINDS: dict[str, tuple[str, str]] = {
    "tenant without role": (FORGER.member(role=ABSENT), COMBINATION),
    "session without sid": (FORGER.member(sid=ABSENT), COMBINATION),
    "session without amr": (FORGER.member(amr=ABSENT), COMBINATION),
    "session without auth_time": (FORGER.person(auth_time=ABSENT), COMBINATION),
    "role alone": (
        FORGER.member(sid=ABSENT, amr=ABSENT, auth_time=ABSENT, tenant_id=ABSENT),
        COMBINATION,
    ),
    "act without support": (FORGER.member(act=AGENT), COMBINATION),
    "support without act": (FORGER.member(support=SESSION), COMBINATION),
    "act null": (FORGER.support(act=None), "act"),
    "support null": (FORGER.support(support=None), "support"),
    "act on a person without organization": (
        FORGER.person(act=AGENT, support=SESSION),
        COMBINATION,
    ),
    "support session without the agent's session": (FORGER.support(sid=ABSENT), COMBINATION),
    "service with a tenant": (FORGER.service(tenant_id=str(uuid4())), COMBINATION),
    "service with a role": (FORGER.service(role="owner"), COMBINATION),
    "service with act": (FORGER.service(act=AGENT), COMBINATION),
    "act a string": (FORGER.support(act=str(uuid4())), "act"),
    "act two deep": (FORGER.support(act=AGENT | {"act": AGENT}), "act"),
    "act without role": (FORGER.support(act={"sub": AGENT["sub"]}), "act"),
    "act without sub": (FORGER.support(act={"role": "support_agent"}), "act"),
    "act.sub no UUID": (FORGER.support(act=AGENT | {"sub": "agent"}), "act"),
    "act.role of an organization": (FORGER.support(act=AGENT | {"role": "owner"}), "act"),
    "support a string": (FORGER.support(support="read_only"), "support"),
    "support.id no UUID": (FORGER.support(support=SESSION | {"id": "1"}), "support"),
    "support.mode unknown": (FORGER.support(support=SESSION | {"mode": "root"}), "support"),
    "support.mode a list": (FORGER.support(support=SESSION | {"mode": []}), "support"),
    "support with more": (FORGER.support(support=SESSION | {"x": 1}), "support"),
}

HOSTILE = CLAIMS | AUDIENCES | KINDS


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_token_is_refused_for_its_reason(name: str) -> None:
    token, reason = HOSTILE[name]
    verifier = TokenVerifier(
        issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE, clock=lambda: NOW
    )
    for _ in range(2):  # a refusal is never cached into something else
        with pytest.raises(InvalidToken) as refused:
            await verifier.verify(token)
        assert reason in str(refused.value.__cause__)


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - {RIGHT_UNDER_INTERNAL}))
async def test_hostile_token_is_refused_under_internal_too(name: str) -> None:
    verifier = TokenVerifier(
        issuer=ISSUER.issuer, keys=ISSUER.keys, audience=CORE_AUDIENCE, clock=lambda: NOW
    )
    with pytest.raises(InvalidToken):
        await verifier.verify(HOSTILE[name][0], internal=True)
