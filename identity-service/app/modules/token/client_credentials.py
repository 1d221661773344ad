"""The client credentials grant (RFC 6749 section 4.4), for programs of organizations and for the
core; one file per grant.
"""

import structlog

from app.core.forms import OAuthRequest
from app.core.process import Process, issued_at
from app.modules.clients import service as clients
from app.modules.clients.schemas import Client
from app.modules.service_accounts.schemas import Machine
from app.modules.token.schemas import AccessTokenRead
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit
from shared_lib.tokens import (
    IDENTITY_AUDIENCE,
    PEOPLE_AUDIENCES,
    Claims,
    internal_audience,
)

_log = structlog.get_logger(__name__)


async def client_credentials(
    process: Process, unit: Unit[Tx], request: OAuthRequest
) -> AccessTokenRead:
    """A token for what the client itself may do; nothing renews it (section 4.4.3).

    Raises OAuthError.
    """
    client = await clients.authenticate(unit, request)
    if request.get("scope") is not None:
        raise OAuthError(
            "invalid_scope",
            code="scope_not_supported",
            description="tokens have no scope here: the role of the service account decides",
        )
    lifetime = process.settings.access_token_lifetime
    if client.machine is None:
        claims = _own_claims(process, client, request, lifetime)
    else:
        claims = _machine_claims(process, client, client.machine, request, lifetime)
    _log.info("client_token_issued", jti=claims["jti"])
    return AccessTokenRead(process.sign(claims), lifetime)


def _own_claims(process: Process, client: Client, request: OAuthRequest, lifetime: int) -> Claims:
    """One of our own services: a token for identity's `/internal/` operations, nothing else."""
    _audience(request, (internal_audience(IDENTITY_AUDIENCE),), required=True)
    return process.claims.service(
        sub=client.id,
        client_id=client.client_id,
        audience=IDENTITY_AUDIENCE,
        iat=issued_at(now=client.authenticated_at),
        lifetime=lifetime,
    )


def _machine_claims(
    process: Process, client: Client, machine: Machine, request: OAuthRequest, lifetime: int
) -> Claims:
    """A service account: what a member of its role gets, never an internal audience."""
    audience = _audience(request, PEOPLE_AUDIENCES, required=False)
    claims = process.claims.service_account(
        sub=machine.id,
        client_id=client.client_id,
        tenant_id=machine.tenant_id,
        role=machine.role,
        iat=issued_at(machine.tokens_not_before, now=client.authenticated_at),
        lifetime=lifetime,
    )
    return claims if audience is None else {**claims, "aud": [audience]}


def _audience(request: OAuthRequest, allowed: tuple[str, ...], *, required: bool) -> str | None:
    """The audience that was asked for. Raises OAuthError `invalid_target` (RFC 8707 section 2)."""
    audience = request.require("audience") if required else request.get("audience")
    if request.get("resource") is not None or audience not in (None, *allowed):
        raise OAuthError(
            "invalid_target",
            code="audience_not_allowed",
            description=f"the audience must be {' or '.join(allowed)}",
        )
    return audience
