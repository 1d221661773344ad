"""Making tokens: the claims of each kind of caller, and signing them."""

import json
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from shared_lib.ids import uuid7
from shared_lib.tokens._claims import (
    CORE_AUDIENCE,
    PEOPLE_AUDIENCES,
    Actor,
    Support,
    internal_audience,
    read_claims,
)
from shared_lib.tokens._encoding import base64url_encode
from shared_lib.tokens._signature import SigningKey

__all__ = ["AccessTokenClaims", "Claims", "SignInSession", "compact", "sign"]

Claims: TypeAlias = dict[str, Any]

_DEFAULT_LIFE = 900  # 15 minutes


@dataclass(frozen=True, slots=True)
class SignInSession:
    """The sign-in behind a person's token: when and how it was made (RFC 8176 for `amr`)."""

    sid: UUID
    auth_time: int
    amr: tuple[str, ...]


class AccessTokenClaims:
    """The claims of every kind of access token that one issuer signs.

    Pure: `iat` (seconds since 1970) and `lifetime` (seconds, at most 3600) come from the caller.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def member(  # a person in an organization
        self,
        *,
        sub: UUID,
        client_id: str,
        session: SignInSession,
        tenant_id: UUID,
        role: str,
        iat: int,
        lifetime: int = _DEFAULT_LIFE,
    ) -> Claims:
        """A person who works in, or is a client of, one organization."""
        return (
            self._base(PEOPLE_AUDIENCES, sub, client_id, iat, lifetime)
            | _session(session)
            | {"tenant_id": str(tenant_id), "role": role}
        )

    def person(
        self,
        *,
        sub: UUID,
        client_id: str,
        session: SignInSession,
        iat: int,
        lifetime: int = _DEFAULT_LIFE,
    ) -> Claims:
        """A person in no organization, or whose address is not verified yet."""
        return self._base(PEOPLE_AUDIENCES, sub, client_id, iat, lifetime) | _session(session)

    def staff(
        self,
        *,
        sub: UUID,
        client_id: str,
        session: SignInSession,
        role: str,
        iat: int,
        lifetime: int = _DEFAULT_LIFE,
    ) -> Claims:
        """Staff of the platform: a role, and no organization."""
        return (
            self._base(PEOPLE_AUDIENCES, sub, client_id, iat, lifetime)
            | _session(session)
            | {"role": role}
        )

    def service_account(
        self,
        *,
        sub: UUID,
        client_id: str,
        tenant_id: UUID,
        role: str,
        iat: int,
        lifetime: int = _DEFAULT_LIFE,
    ) -> Claims:
        """A program that an organization registered; nobody signed in."""
        return self._base(PEOPLE_AUDIENCES, sub, client_id, iat, lifetime) | {
            "tenant_id": str(tenant_id),
            "role": role,
        }

    def support_session(
        self,
        *,
        sub: UUID,
        client_id: str,
        session: SignInSession,
        tenant_id: UUID,
        role: str,
        act: Actor,
        support: Support,
        iat: int,
        lifetime: int,
    ) -> Claims:
        """An agent who looks into an organization: `sub` is whom he borrows, `act` is himself.

        `session` is the agent's. Only the core takes such a token (RFC 8693 section 4.1).
        """
        claims = (
            self._base((CORE_AUDIENCE,), sub, client_id, iat, lifetime)
            | _session(session)
            | {"tenant_id": str(tenant_id), "role": role}
            | {"support": {"id": str(support.id), "mode": support.mode}}
        )
        # After everything else, so that nothing above can set or change who acts.
        claims["act"] = {"sub": str(act.sub), "role": act.role}
        return claims

    def service(
        self,
        *,
        sub: UUID,
        client_id: str,
        audience: str,
        iat: int,
        lifetime: int = _DEFAULT_LIFE,
    ) -> Claims:
        """One of our services that calls the `/internal/` operations of the service `audience`."""
        return self._base((internal_audience(audience),), sub, client_id, iat, lifetime)

    def _base(
        self, audience: tuple[str, ...], sub: UUID, client_id: str, iat: int, lifetime: int
    ) -> Claims:
        """The claims that RFC 9068 section 2.2 requires of every token."""
        return {
            "iss": self.issuer,
            "aud": list(audience),
            "sub": str(sub),
            "client_id": client_id,
            "jti": str(uuid7()),
            "iat": iat,
            "exp": iat + lifetime,
        }


def _session(session: SignInSession) -> Claims:
    return {
        "sid": str(session.sid),
        "auth_time": session.auth_time,
        "amr": list(session.amr),
    }


def sign(claims: Claims, key: SigningKey) -> str:
    """Sign an access token. TokenRefused for claims that no verifier of ours would accept."""
    read_claims(claims, key.kid)
    return compact({"typ": "at+jwt", "alg": "RS256", "kid": key.kid}, claims, key)


def compact(header: dict[str, Any], claims: Claims, key: SigningKey) -> str:
    """Serialize and sign whatever is given (RFC 7515 section 7.1); looks at neither."""
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    signing_input = ".".join(map(base64url_encode, parts))
    signature = base64url_encode(key.signature(signing_input.encode("ascii")))
    return f"{signing_input}.{signature}"
