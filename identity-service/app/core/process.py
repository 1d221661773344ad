"""What one process of the service holds, and how handlers ask for it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

from fastapi import Depends, Request

from app.core.database import Databases
from app.core.passwords import PasswordHashing
from app.core.settings import IdentitySettings
from shared_lib.clock import utc_now
from shared_lib.errors import InvalidToken
from shared_lib.keys import KeyCipher, Keyring, SigningKeyStore
from shared_lib.limits import RateLimiter
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    PEOPLE_AUDIENCES,
    AccessTokenClaims,
    Claims,
    TokenData,
    TokenVerifier,
    sign,
)
from shared_lib.web import general_limits

WEB_CLIENT = "phase-zero-web"

# The `sub` by which identity names itself to other services; it stands in no table.
_SELF = uuid5(NAMESPACE_URL, "urn:phase-zero:identity-service")


@dataclass(frozen=True)
class Process:
    """Built once by `create_app`; the keyring reads no key before it is started."""

    settings: IdentitySettings
    databases: Databases
    keys: SigningKeyStore
    keyring: Keyring
    verifier: TokenVerifier
    fresh_verifiers: tuple[TokenVerifier, ...]
    passwords: PasswordHashing
    claims: AccessTokenClaims
    limiter: RateLimiter

    @classmethod
    def of(cls, settings: IdentitySettings) -> "Process":
        """Everything that follows from the settings. Connects to nothing."""
        databases = Databases.of(settings)
        cipher = KeyCipher.from_setting(settings.encryption_key.get_secret_value())
        keys = SigningKeyStore(cipher, settings.schedule)
        keyring = Keyring(databases.worker.connection, keys)
        verifier = TokenVerifier(issuer=settings.issuer, keys=keyring, audience=IDENTITY_AUDIENCE)
        keyring.on_removed(verifier.forget_key)
        return cls(
            settings=settings,
            databases=databases,
            keys=keys,
            keyring=keyring,
            verifier=verifier,
            fresh_verifiers=tuple(
                TokenVerifier(issuer=settings.issuer, keys=keyring, audience=audience, cache_size=0)
                for audience in PEOPLE_AUDIENCES
            ),
            passwords=PasswordHashing(settings),
            claims=AccessTokenClaims(settings.issuer),
            limiter=RateLimiter(
                {**general_limits(settings), **settings.throttles},
                service="identity",
                secret=settings.encryption_key.get_secret_value().encode(),
                redis_url=settings.redis_url.get_secret_value(),
            ),
        )

    def sign(self, claims: Claims) -> str:
        """Sign an access token. Raises KeysUnavailable."""
        return sign(claims, self.keyring.signing_key())

    async def verify_any(self, token: str) -> TokenData | None:
        """The claims of a token that we signed for whichever service, looked at anew each time;
        None for anything else.
        """
        for verifier in self.fresh_verifiers:
            for internal in (False, True):
                with suppress(InvalidToken):
                    return await verifier.verify(token, internal=internal)
        return None

    async def internal_token(self) -> str:
        """A token of identity itself for the `/internal/` operations of the core."""
        claims = self.claims.service(
            sub=_SELF,
            client_id=IDENTITY_AUDIENCE,
            audience=CORE_AUDIENCE,
            iat=issued_at(),
            lifetime=60,
        )
        return self.sign(claims)


def issued_at(*not_before: datetime | None, now: datetime | None = None) -> int:
    """The present instant as the `iat` of a token, or the first full second after `not_before`.

    Tokens issued until `not_before` are dead; so one that is issued in the same second is dated up
    to a second ahead, which verifiers allow for.
    """
    earliest = [int(each.timestamp()) + 1 for each in not_before if each is not None]
    return max([int((now or utc_now()).timestamp()), *earliest])


async def current_process(request: Request) -> Process:
    """The process that serves `request`."""
    process: Process = request.app.state.process
    return process


CurrentProcess = Annotated[Process, Depends(current_process)]
