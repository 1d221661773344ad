"""Tokens that must be accepted: each kind, and whatever lies just inside of a rule."""

from collections.abc import Callable

from shared_lib.testing.forgery import Forger, claims_of
from shared_lib.testing.hostile._structure import CAP, filled_to
from shared_lib.testing.hostile._vector import INTERNALS, GoodToken, Make, Place
from shared_lib.tokens import ORGANIZATION_ROLES, PLATFORM_ROLES, internal_audience

__all__ = ["GOOD_TOKENS"]

_CORE = frozenset({Place.CORE})


def _with_role(kind: Callable[..., str], role: str) -> Make:
    return lambda f: kind(f, role=role)


def _typed(typ: str) -> Make:
    return lambda f: f.issuer.sign({"typ": typ}, claims_of(f.good()))


def _lived(forger: Forger, *, iat: int, exp: int) -> str:
    iat, exp = forger.now + iat, forger.now + exp
    return forger.member(auth_time=min(forger.now, iat), iat=iat, exp=exp)


GOOD_TOKENS = (
    *(
        GoodToken(f"a member with role {role}", _with_role(Forger.member, role))
        for role in sorted(ORGANIZATION_ROLES)
    ),
    *(
        GoodToken(f"staff with role {role}", _with_role(Forger.staff, role))
        for role in sorted(PLATFORM_ROLES)
    ),
    *(
        GoodToken(f"a program with role {role}", _with_role(Forger.account, role))
        for role in sorted(ORGANIZATION_ROLES)
    ),
    GoodToken("a person without organization", lambda f: f.person()),
    GoodToken("a support session", lambda f: f.support(), _CORE),
    GoodToken(
        "a support session that writes",
        lambda f: f.issuer.support(tenant_id=f.tenant_id, mode="read_write"),
        _CORE,
    ),
    GoodToken(
        "a support session of a member",
        lambda f: f.issuer.support(tenant_id=f.tenant_id, sub=f.sub, role="owner"),
        _CORE,
    ),
    GoodToken(
        "a support session of a platform admin",
        lambda f: f.issuer.support(tenant_id=f.tenant_id, agent_role="platform_admin"),
        _CORE,
    ),
    GoodToken("a service", lambda f: f.service(), INTERNALS),
    GoodToken(
        "a service, aud as a string",
        lambda f: f.service(aud=internal_audience(f.audience)),
        INTERNALS,
    ),
    *(
        GoodToken(f"typ {typ}", _typed(typ))
        for typ in ("AT+JWT", "application/at+jwt", "Application/AT+jwt")
    ),
    GoodToken("aud as a string", lambda f: f.member(aud=f.audience)),
    GoodToken("aud alone in a list", lambda f: f.member(aud=[f.audience])),
    GoodToken("aud of eight", lambda f: f.member(aud=[f.audience] * 8)),
    GoodToken(
        "claims that nobody knows", lambda f: f.member(scope="a b", weight=0.5, nested={"a": [{}]})
    ),
    GoodToken("a header member that nobody knows", lambda f: f.header(unknown=1)),
    GoodToken("64 brackets", lambda f: f.person(x=[[]] * 60)),
    GoodToken("expired 29 seconds ago", lambda f: _lived(f, iat=-900, exp=-29)),
    GoodToken("iat in 30 seconds", lambda f: _lived(f, iat=30, exp=900)),
    GoodToken("auth_time 30 seconds after iat", lambda f: f.member(auth_time=f.now + 30)),
    GoodToken("nbf in 30 seconds", lambda f: f.member(nbf=f.now + 30)),
    GoodToken("nbf long ago", lambda f: f.member(nbf=0)),
    GoodToken("an hour to live", lambda f: _lived(f, iat=0, exp=3600)),
    GoodToken("a second to live", lambda f: _lived(f, iat=0, exp=1)),
    GoodToken("amr of eight", lambda f: f.member(amr=["pwd"] * 8)),
    GoodToken("names of 128 letters", lambda f: f.member(client_id="x" * 128, jti="y" * 128)),
    GoodToken("as long as may be", lambda f: filled_to(f, CAP)),
)
