"""Token introspection (RFC 7662): what an authenticated client is told about a token."""

from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from app.core.database import transaction_of, transaction_of_account, transaction_with
from app.core.forms import OAuthRequest
from app.core.process import Process
from app.modules.clients import service as clients
from app.modules.clients.schemas import Client
from app.modules.people import service as people
from app.modules.service_accounts import service as service_accounts
from app.modules.sessions import service as sessions
from app.modules.tenants import service as tenants
from app.modules.token.schemas import IntrospectionRead
from shared_lib.clock import utc_now
from shared_lib.errors import TenantBlocked, TokenRevoked
from shared_lib.tenancy import Tx, Unit
from shared_lib.tokens import TokenData

_INACTIVE = IntrospectionRead(active=False)


async def introspect(process: Process, unit: Unit[Tx], request: OAuthRequest) -> dict[str, object]:
    """The members of the answer (section 2.2). Raises OAuthError.

    A service account is told about access tokens of its own organization, one of our own services
    about every token; whatever else is asked about is inactive, and nothing says why.
    """
    client = await clients.authenticate(unit, request, always_challenge=True)
    text = request.require("token")
    token = await process.verify_any(text)
    if token is None:
        told = await _of_refresh_token(process, unit, client, text)
    elif _concerns(client, token) and await _is_alive(unit, token):
        told = _of_access_token(process, token)
    else:
        told = _INACTIVE
    return {name: value for name, value in asdict(told).items() if value is not None}


def _concerns(client: Client, token: TokenData) -> bool:
    return client.machine is None or client.machine.tenant_id == token.tenant_id


async def _is_alive(unit: Unit[Tx], token: TokenData) -> bool:
    """Whether nothing that the token stands on has ended.

    That of a support session ends in the core, which identity does not see: it is never called
    alive here.
    """
    if token.act is not None or token.exp <= utc_now().timestamp():
        return False
    if token.tenant_id is not None and not await _is_tenant_known(unit, token.tenant_id):
        return False
    if token.sid is not None:
        return await _is_person_alive(unit, token)
    return token.tenant_id is None or await _is_machine_alive(unit, token, token.tenant_id)


async def _is_tenant_known(unit: Unit[Tx], tenant_id: UUID) -> bool:
    async with unit.transaction() as tx:
        return await tenants.is_known(tx, tenant_id)


async def _is_person_alive(unit: Unit[Tx], token: TokenData) -> bool:
    try:
        async with transaction_with(unit, token):
            return True
    except TokenRevoked:
        return False
    except TenantBlocked:
        return True  # for as long as it lasts the core refuses; nothing has ended


async def _is_machine_alive(unit: Unit[Tx], token: TokenData, tenant_id: UUID) -> bool:
    async with transaction_of_account(unit, token.sub) as tx:
        return await service_accounts.is_token_alive(
            tx,
            tenant_id,
            token.sub,
            token.session_id,
            issued_at=datetime.fromtimestamp(token.iat, UTC),
        )


def _of_access_token(process: Process, token: TokenData) -> IntrospectionRead:
    return IntrospectionRead(
        active=True,
        token_type="Bearer",  # noqa: S106
        iss=process.settings.issuer,
        aud=token.audience,
        sub=str(token.sub),
        client_id=token.client_id,
        iat=token.iat,
        exp=token.exp,
        jti=token.jti,
        tenant_id=None if token.tenant_id is None else str(token.tenant_id),
        role=token.role,
    )


async def _of_refresh_token(
    process: Process, unit: Unit[Tx], client: Client, refresh_token: str
) -> IntrospectionRead:
    """Looking at a refresh token does not spend it, nor does it count as its reuse."""
    if client.machine is not None:
        return _INACTIVE
    async with unit.transaction() as tx:
        usable = await sessions.find_usable(tx, refresh_token)
    if usable is None:
        return _INACTIVE
    async with transaction_of(unit, usable.person_id) as tx:
        if not await people.is_active(tx, usable.person_id):
            return _INACTIVE
    return IntrospectionRead(
        active=True,
        iss=process.settings.issuer,
        sub=str(usable.person_id),
        client_id=usable.client_id,
        exp=int(usable.expires_at.timestamp()),
    )
