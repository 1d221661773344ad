"""The rules of clients: the first-party one has no secret, every other one has."""

from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

import asyncpg
from structlog.contextvars import bind_contextvars

from app.core.database import transaction_of_account
from app.core.forms import OAuthRequest
from app.core.process import WEB_CLIENT
from app.core.settings import IdentitySettings
from app.modules.clients import repository
from app.modules.clients.domain import account_id_of, credentials_of, invalid_client
from app.modules.clients.schemas import Client, ClientCredentials
from app.modules.service_accounts import service as service_accounts
from app.modules.tenants import service as tenants
from shared_lib.clock import utc_now
from shared_lib.errors import OAuthError
from shared_lib.ids import uuid7
from shared_lib.tenancy import Tx, Unit

__all__ = ["authenticate", "ensure_core_account", "identify", "require_web_client"]

_NO_SECRET = bytes(32)
_NOBODY = UUID(int=0)


def require_web_client(request: OAuthRequest) -> str:
    """The client id of the first-party client, which a request need not name.

    Raises OAuthError `unauthorized_client` for every other one, or `invalid_client`.
    """
    credentials = credentials_of(request)
    if credentials.client_id not in (None, WEB_CLIENT):
        raise OAuthError(
            "unauthorized_client",
            code="client_not_allowed",
            description=f"this grant is for {WEB_CLIENT} only",
        )
    if credentials.secret is not None:
        raise invalid_client(credentials)
    return WEB_CLIENT


async def identify(unit: Unit[Tx], request: OAuthRequest) -> Client | None:
    """The client that calls; None for the first-party one, which has no secret.

    Raises OAuthError `invalid_client`.
    """
    credentials = credentials_of(request)
    if credentials.client_id in (None, WEB_CLIENT) and credentials.secret is None:
        return None
    return await authenticate(unit, request)


async def authenticate(
    unit: Unit[Tx], request: OAuthRequest, *, always_challenge: bool = False
) -> Client:
    """The client whose secret was sent. Raises OAuthError `invalid_client`.

    `always_challenge`: a refusal is a 401 however the client authenticated itself. The same
    statements and comparisons for every client, so that the time says nothing about names.
    """
    credentials = credentials_of(request)
    account_id = account_id_of(credentials) or _NOBODY
    if account_id != _NOBODY:
        # Not proven; and what has not the form of an id is not repeated: it may be a secret.
        bind_contextvars(client=str(account_id))
    async with transaction_of_account(unit, account_id) as tx:
        client = await _authenticated(tx, credentials, account_id)
    if client is None:
        raise invalid_client(credentials, always_challenge=always_challenge)
    return client


async def ensure_core_account(connection: asyncpg.Connection, settings: IdentitySettings) -> None:
    """Make the core's own client from the settings, as role `worker`; safe from any replica."""
    secret = settings.core_client_secret.get_secret_value()
    await repository.put_client(
        connection,
        id_=uuid7(),
        client_id=settings.core_client_id,
        secret_hash=sha256(secret.encode()).digest(),
        now=utc_now(),
    )


async def _authenticated(tx: Tx, credentials: ClientCredentials, account_id: UUID) -> Client | None:
    now, secret = utc_now(), credentials.secret or ""
    ours = await repository.find_client(tx, credentials.client_id or "")
    sent = sha256(secret.encode()).digest()
    right = compare_digest(ours.secret_hash if ours else _NO_SECRET, sent)
    machine = await service_accounts.authenticate(tx, account_id, secret, now)
    if ours is not None and right and credentials.secret is not None:
        return Client(ours.id, ours.client_id, now)
    if machine is None or not await tenants.is_known(tx, machine.tenant_id):
        return None
    return Client(machine.id, str(machine.id), now, machine)
