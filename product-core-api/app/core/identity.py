"""The core as a client of identity: its own tokens, and the token exchange (RFC 8693)."""

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote_plus
from uuid import UUID

import httpx
import structlog
from fastapi import Depends, Request

from app.core.settings import CoreSettings
from shared_lib.errors import ApiError, InvalidToken, KeysUnavailable, TokenRevoked
from shared_lib.internal_client import ClientCredentials
from shared_lib.other_service import ask, read_json
from shared_lib.tokens import (
    CORE_AUDIENCE,
    IDENTITY_AUDIENCE,
    Support,
    TokenData,
    TokenVerifier,
    internal_audience,
)

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_PERSON_ID = "urn:phase-zero:token-type:person-id"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a URN
_TIMEOUT = 3.0

_log = structlog.get_logger(__name__)


class MemberNotFound(ApiError):
    """The person to act as is no active member of the organization."""

    code = "member_not_found"
    status = 422
    title = "This person is no member of the organization"


class IdentityUnavailable(ApiError):
    """The identity service does not answer, or answers what it should not."""

    code = "identity_unavailable"
    status = 503
    title = "Sign-in is not available at the moment"


@dataclass(frozen=True)
class ExchangedToken:
    """A support token; `claims` were verified like those of any token that we accept."""

    access_token: str
    expires_in: int
    claims: TokenData


@dataclass(frozen=True)
class _Granted:
    access_token: str
    expires_in: int


@dataclass(frozen=True)
class _Refused:
    error: str = ""
    detail: str = ""


_REFUSALS: dict[str, type[ApiError]] = {
    "invalid_actor_token": TokenRevoked,
    "invalid_subject_token": MemberNotFound,
}


class Identity:
    """The identity service's token endpoint."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        *,
        authorization: str,
        verifier: TokenVerifier,
    ) -> None:
        self._http = http
        self._token_url = _token_url(url)
        self._authorization = authorization
        self._verifier = verifier

    async def exchange(
        self,
        *,
        member_id: UUID,
        tenant_id: UUID,
        support_id: UUID,
        support_mode: str,
        lifetime: timedelta,
        agent_token: str,
    ) -> ExchangedToken:
        """A token for `member_id` (the agent's own id for nobody in particular) in `tenant_id`.

        Raises TokenRevoked for an agent who may no longer, MemberNotFound, IdentityUnavailable.
        """
        answer = await self._post(
            {
                "grant_type": _GRANT,
                "subject_token": str(member_id),
                "subject_token_type": _PERSON_ID,
                "actor_token": agent_token,
                "actor_token_type": _ACCESS_TOKEN,
                "audience": CORE_AUDIENCE,
                "tenant_id": str(tenant_id),
                "support_id": str(support_id),
                "support_mode": support_mode,
                "lifetime": str(int(lifetime.total_seconds())),
            }
        )
        try:
            claims = await self._verifier.verify(answer.access_token)
        except (InvalidToken, KeysUnavailable) as error:
            # Not the agent's token: nobody should sign out for it.
            raise IdentityUnavailable from error
        granted = (claims.sub, claims.tenant_id, claims.support)
        if granted != (member_id, tenant_id, Support(support_id, support_mode)):
            raise IdentityUnavailable
        return ExchangedToken(answer.access_token, answer.expires_in, claims)

    async def _post(self, form: dict[str, str]) -> _Granted:
        headers = {"authorization": self._authorization}
        try:
            # httpx's own limit is one for each read.
            async with asyncio.timeout(_TIMEOUT):
                response, body = await ask(
                    self._http, "POST", self._token_url, headers=headers, data=form
                )
            if response.status_code == httpx.codes.OK:
                return read_json(body, _Granted)
            refused = read_json(body, _Refused)
        except (httpx.HTTPError, TimeoutError) as error:
            raise IdentityUnavailable from error
        _log.warning("token_exchange_refused", error=refused.error, detail=refused.detail)
        raise _REFUSALS.get(refused.detail, IdentityUnavailable)


def basic_authorization(settings: CoreSettings) -> str:
    """The header by which the core authenticates itself; both halves are form-encoded before they
    are joined (RFC 6749 section 2.3.1).
    """
    secret = settings.client_secret.get_secret_value()
    credentials = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
    return "Basic " + b64encode(credentials.encode()).decode()


def client_credentials(http: httpx.AsyncClient, settings: CoreSettings) -> ClientCredentials:
    """Where the core's own token for identity's `/internal/` operations comes from."""
    return ClientCredentials(
        http,
        _token_url(settings.identity_url),
        authorization=basic_authorization(settings),
        audience=internal_audience(IDENTITY_AUDIENCE),
    )


def _token_url(identity_url: str) -> str:
    return f"{identity_url.rstrip('/')}/token"


async def _identity(request: Request) -> Identity:
    identity: Identity = request.app.state.identity
    return identity


async def _presented_token(request: Request) -> str:
    return request.headers["authorization"].partition(" ")[2].strip()


IdentityService = Annotated[Identity, Depends(_identity)]
# The caller's own token, as the middleware has verified it.
PresentedToken = Annotated[str, Depends(_presented_token)]
