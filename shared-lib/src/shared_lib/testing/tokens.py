"""Really signed tokens for tests, hostile ones too."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from shared_lib.ids import uuid7
from shared_lib.jwks import generate_private_key, jwks_document, public_jwk
from shared_lib.tokens import (
    CORE_AUDIENCE,
    AccessTokenClaims,
    Actor,
    Claims,
    SigningKey,
    SignInSession,
    Support,
    VerificationKey,
    compact,
    sign,
)

__all__ = ["ManualClock", "StaticKeys", "TokenIssuer", "private_key"]

WEB_CLIENT = "phase-zero-web"
CORE_CLIENT = "product-core-api"


@cache
def private_key(number: int = 0) -> RSAPrivateKey:
    """A private key of 3072 bits, the same for a number through the whole process."""
    del number  # the cache's key
    return generate_private_key()


@dataclass
class ManualClock:
    """A clock in seconds that moves when a test moves it."""

    now: float = field(default_factory=lambda: float(int(time.time())))

    def __call__(self) -> float:
        """The time that the test has set."""
        return self.now


class StaticKeys:
    """A KeySource over keys that never change."""

    def __init__(self, *keys: VerificationKey) -> None:
        self._keys = {key.kid: key for key in keys}

    async def key(self, kid: str) -> VerificationKey | None:
        """See KeySource."""
        return self._keys.get(kid)


class TokenIssuer:
    """Stands for the identity service: its issuer, its key, and a token of each kind.

    Ids that a test does not name are fresh. `issued_at` (seconds since 1970) is now if not given;
    `lifetime` is in seconds. Issuers with different numbers have different keys; `private` is the
    key of a real one.
    """

    def __init__(
        self,
        issuer: str = "https://identity.example.com",
        *,
        number: int = 0,
        private: RSAPrivateKey | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        private = private or private_key(number)
        self._jwk = public_jwk(private.public_key())
        self._clock = clock
        self.issuer = issuer
        self.claims = AccessTokenClaims(issuer)
        self.signing_key = SigningKey(self._jwk["kid"], private)
        self.keys = StaticKeys(self.signing_key.verification_key())

    def now(self) -> int:
        """The time of this issuer's clock, in whole seconds."""
        return int(self._clock())

    def jwks(self) -> dict[str, Any]:
        """The document of this issuer's JWKS endpoint."""
        return jwks_document([self._jwk])

    def person(
        self,
        *,
        tenant_id: UUID | None = None,
        role: str = "standard",
        sub: UUID | None = None,
        sid: UUID | None = None,
        issued_at: int | None = None,
        lifetime: int = 900,
    ) -> str:
        """A person: with a role in the organization when `tenant_id` is given, else in none."""
        iat = self._iat(issued_at)
        claims = self.claims.person(
            sub=sub or uuid7(),
            client_id=WEB_CLIENT,
            session=_session(sid, iat),
            iat=iat,
            lifetime=lifetime,
        )
        if tenant_id is not None:
            claims |= {"tenant_id": str(tenant_id), "role": role}
        return sign(claims, self.signing_key)

    def platform(
        self,
        *,
        role: str = "platform_admin",
        sub: UUID | None = None,
        sid: UUID | None = None,
        issued_at: int | None = None,
        lifetime: int = 900,
    ) -> str:
        """Staff of the platform."""
        iat = self._iat(issued_at)
        claims = self.claims.staff(
            sub=sub or uuid7(),
            client_id=WEB_CLIENT,
            session=_session(sid, iat),
            role=role,
            iat=iat,
            lifetime=lifetime,
        )
        return sign(claims, self.signing_key)

    def service(
        self,
        *,
        tenant_id: UUID,
        role: str = "standard",
        sub: UUID | None = None,
        client_id: str = "integration",
        issued_at: int | None = None,
        lifetime: int = 900,
    ) -> str:
        """A service account of an organization."""
        claims = self.claims.service_account(
            sub=sub or uuid7(),
            client_id=client_id,
            tenant_id=tenant_id,
            role=role,
            iat=self._iat(issued_at),
            lifetime=lifetime,
        )
        return sign(claims, self.signing_key)

    def support(
        self,
        *,
        tenant_id: UUID,
        role: str = "support",
        agent: UUID | None = None,
        agent_role: str = "support_agent",
        sub: UUID | None = None,
        sid: UUID | None = None,
        support_id: UUID | None = None,
        mode: str = "read_only",
        issued_at: int | None = None,
        lifetime: int = 1800,
    ) -> str:
        """A support session; without `sub` no member was chosen, and the agent is the subject."""
        iat = self._iat(issued_at)
        agent = agent or uuid7()
        claims = self.claims.support_session(
            sub=sub or agent,
            client_id=CORE_CLIENT,
            session=_session(sid, iat),
            tenant_id=tenant_id,
            role=role,
            act=Actor(sub=agent, role=agent_role),
            support=Support(id=support_id or uuid7(), mode=mode),
            iat=iat,
            lifetime=lifetime,
        )
        return sign(claims, self.signing_key)

    def service_to_service(
        self,
        *,
        audience: str = CORE_AUDIENCE,
        client_id: str = "identity-service",
        sub: UUID | None = None,
        issued_at: int | None = None,
        lifetime: int = 900,
    ) -> str:
        """One service that calls the `/internal/` operations of the service `audience`."""
        claims = self.claims.service(
            sub=sub or uuid7(),
            client_id=client_id,
            audience=audience,
            iat=self._iat(issued_at),
            lifetime=lifetime,
        )
        return sign(claims, self.signing_key)

    def sign(self, header: Mapping[str, Any], claims: Claims) -> str:
        """Sign whatever is given, however wrong; `header` replaces members of a good header."""
        good = {"typ": "at+jwt", "alg": "RS256", "kid": self.signing_key.kid}
        return compact(good | dict(header), claims, self.signing_key)

    def _iat(self, issued_at: int | None) -> int:
        return self.now() if issued_at is None else issued_at


def _session(sid: UUID | None, iat: int) -> SignInSession:
    return SignInSession(sid=sid or uuid7(), auth_time=iat, amr=("pwd",))
