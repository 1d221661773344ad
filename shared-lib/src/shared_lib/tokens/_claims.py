"""The claims of a token: what they are called here, and which rules they obey among themselves."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from shared_lib.tokens._refusal import TokenRefused

__all__ = [
    "CORE_AUDIENCE",
    "IDENTITY_AUDIENCE",
    "LONGEST_LIFE",
    "ORGANIZATION_ROLES",
    "PEOPLE_AUDIENCES",
    "PLATFORM_ROLES",
    "SUPPORT_ROLE",
    "Actor",
    "Support",
    "TokenData",
    "internal_audience",
    "read_claims",
    "signing_key_id",
]

CORE_AUDIENCE = "product-core-api"
IDENTITY_AUDIENCE = "identity-service"
PEOPLE_AUDIENCES = (CORE_AUDIENCE, IDENTITY_AUDIENCE)

ORGANIZATION_ROLES = frozenset({"owner", "admin", "standard", "viewer", "client"})
PLATFORM_ROLES = frozenset({"platform_admin", "support_agent"})
SUPPORT_ROLE = "support"  # of a support session in which no member was chosen
SUPPORT_MODES = frozenset({"read_only", "read_write"})

LONGEST_LIFE = 3600  # seconds from iat to exp; a retired signing key stays published as long
LEEWAY = 30  # seconds by which the clocks of two machines may differ
_LAST_INSTANT = 253_402_300_799  # the end of the year 9999, where datetime ends

_INTERNAL = "/internal"
_MAX_AUDIENCES = 8
_MAX_METHODS = 8
_NAME = re.compile(r"[\x21-\x7e]{1,128}")  # VSCHAR without the space (RFC 6749 appendix A)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who really acts in a support session (RFC 8693 section 4.1): the agent and his role."""

    sub: UUID
    role: str


@dataclass(frozen=True, slots=True)
class Support:
    """The support session that a token was made for; `mode` is `read_only` or `read_write`."""

    id: UUID
    mode: str


@dataclass(frozen=True, slots=True, eq=False)
class TokenData:
    """The claims of a verified token. `iat`, `exp` and `auth_time` are seconds since 1970.

    Equal to itself alone, so that what is remembered for it is found at once: a token that comes
    again is the same object while the verifier remembers it.
    """

    sub: UUID
    client_id: str
    jti: str
    iat: int
    exp: int
    kid: str
    audience: tuple[str, ...]
    sid: UUID | None
    auth_time: int | None
    amr: tuple[str, ...]
    tenant_id: UUID | None
    role: str | None
    act: Actor | None
    support: Support | None

    @property
    def actor_id(self) -> UUID:
        """The person who really acts: the agent in a support session, else the subject."""
        return self.sub if self.act is None else self.act.sub

    @property
    def session_id(self) -> UUID | None:
        """What ends with a sign-in session. A service account signs in to none, so each of its
        tokens is one by itself, named by its `jti`; None where that is no UUID.
        """
        if self.sid is not None:
            return self.sid
        try:
            return UUID(self.jti)
        except ValueError:
            return None

    @property
    def is_service(self) -> bool:
        """Whether one of our services calls another, under `/internal/`."""
        return self.audience[0].endswith(_INTERNAL)


def internal_audience(service: str) -> str:
    """The audience of the service's `/internal/` operations."""
    return service + _INTERNAL


@lru_cache(maxsize=64)
def signing_key_id(kid: str) -> UUID:
    """The UUID that stands for a signing key where subjects of revocations are UUIDs."""
    return uuid5(NAMESPACE_URL, f"urn:phase-zero:signing-key:{kid}")


@dataclass(frozen=True, slots=True)
class _Kind:
    roles: frozenset[str] = frozenset()
    internal: bool = False
    audiences: frozenset[tuple[str, ...]] | None = None


_SESSION = frozenset({"sid", "auth_time", "amr"})
_ORGANIZATION = frozenset({"tenant_id", "role"})
_DELEGATION = frozenset({"act", "support"})
_OPTIONAL = _SESSION | _ORGANIZATION | _DELEGATION

# A token is of the kind whose claims it has, all of them and no other. RFC 8725 section 3.12: the
# rules of two kinds exclude each other.
_KINDS: Mapping[frozenset[str], _Kind] = {
    _SESSION | _ORGANIZATION: _Kind(roles=ORGANIZATION_ROLES),  # a person in an organization
    _SESSION: _Kind(),  # a person without
    _SESSION | {"role"}: _Kind(roles=PLATFORM_ROLES),  # staff of the platform
    _ORGANIZATION: _Kind(roles=ORGANIZATION_ROLES),  # a service account
    _OPTIONAL: _Kind(  # a support session
        roles=ORGANIZATION_ROLES | {SUPPORT_ROLE},
        audiences=frozenset({(CORE_AUDIENCE,)}),
    ),
    frozenset(): _Kind(internal=True),  # one service to another
}


def read_claims(claims: Mapping[str, Any], kid: str) -> TokenData:
    """Read claims of any kind; TokenRefused when they are of none. Looks at no clock."""
    present = _OPTIONAL.intersection(claims)
    kind = _KINDS.get(present)
    if kind is None:
        raise TokenRefused("combination of claims")
    iat, exp = _instant(claims, "iat"), _instant(claims, "exp")
    if not 0 < exp - iat <= LONGEST_LIFE:
        raise TokenRefused("life")
    auth_time = _instant(claims, "auth_time") if "sid" in present else None
    if auth_time is not None and auth_time > iat + LEEWAY:
        raise TokenRefused("auth_time")
    return TokenData(
        sub=_uuid(claims, "sub"),
        client_id=_name(claims, "client_id"),
        jti=_name(claims, "jti"),
        iat=iat,
        exp=exp,
        kid=kid,
        audience=_audience(claims, kind),
        sid=_uuid(claims, "sid") if "sid" in present else None,
        auth_time=auth_time,
        amr=_names(claims, "amr", _MAX_METHODS) if "sid" in present else (),
        tenant_id=_uuid(claims, "tenant_id") if "tenant_id" in present else None,
        role=_one_of(claims, "role", kind.roles) if "role" in present else None,
        act=_actor(claims) if "act" in present else None,
        support=_support(claims) if "act" in present else None,
    )


def _instant(claims: Mapping[str, Any], name: str) -> int:
    """A NumericDate (RFC 7519 section 2) in whole seconds; a boolean is no number."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LAST_INSTANT:
        raise TokenRefused(name)
    return value


def _uuid(claims: Mapping[str, Any], name: str) -> UUID:
    """A UUID in its one canonical spelling (RFC 9562 section 4, lower case)."""
    value = claims.get(name)
    try:
        uuid = UUID(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise TokenRefused(name) from error
    if str(uuid) != value:
        raise TokenRefused(name)
    return uuid


def _name(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise TokenRefused(name)
    return value


def _names(claims: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    values = claims.get(name)
    if not isinstance(values, list) or not 1 <= len(values) <= most:
        raise TokenRefused(name)
    return tuple(_name({name: value}, name) for value in values)


def _one_of(claims: Mapping[str, Any], name: str, allowed: frozenset[str]) -> str:
    value = _name(claims, name)
    if value not in allowed:
        raise TokenRefused(name)
    return value


def _audience(claims: Mapping[str, Any], kind: _Kind) -> tuple[str, ...]:
    """`aud` is one string or a list (RFC 7519 section 4.1.3); an internal one stands alone."""
    if isinstance(claims.get("aud"), str):
        audience: tuple[str, ...] = (_name(claims, "aud"),)
    else:
        audience = _names(claims, "aud", _MAX_AUDIENCES)
    internal = [name.endswith(_INTERNAL) for name in audience]
    if internal != ([True] if kind.internal else [False] * len(audience)):
        raise TokenRefused("aud")
    if kind.audiences is not None and audience not in kind.audiences:
        raise TokenRefused("aud")
    return audience


def _actor(claims: Mapping[str, Any]) -> Actor:
    """One actor deep, with exactly the two members that we give it."""
    act = claims["act"]
    if not isinstance(act, dict) or act.keys() != {"sub", "role"}:
        raise TokenRefused("act")
    try:
        return Actor(sub=_uuid(act, "sub"), role=_one_of(act, "role", PLATFORM_ROLES))
    except TokenRefused as refusal:
        raise TokenRefused("act") from refusal


def _support(claims: Mapping[str, Any]) -> Support:
    support = claims["support"]
    if not isinstance(support, dict) or support.keys() != {"id", "mode"}:
        raise TokenRefused("support")
    try:
        return Support(id=_uuid(support, "id"), mode=_one_of(support, "mode", SUPPORT_MODES))
    except TokenRefused as refusal:
        raise TokenRefused("support") from refusal
