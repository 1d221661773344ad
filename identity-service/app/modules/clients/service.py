"""The rules of clients: the first-party one has no secret, every other one has."""

from hashlib import sha256
from hmac import compare_digest

import asyncpg

from app.core.forms import OAuthRequest
from app.core.process import WEB_CLIENT
from app.core.settings import IdentitySettings
from app.modules.clients import repository
from app.modules.clients.domain import credentials_of, invalid_client
from app.modules.clients.schemas import Account
from shared_lib.clock import utc_now
from shared_lib.errors import OAuthError
from shared_lib.ids import uuid7
from shared_lib.tenancy import Tx

__all__ = ["authenticate", "ensure_core_account", "require_web_client"]

_NO_SECRET = bytes(32)


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


async def authenticate(tx: Tx, request: OAuthRequest) -> Account:
    """The service account whose secret was sent. Raises OAuthError `invalid_client`."""
    credentials = credentials_of(request)
    account = await repository.find_account(tx, credentials.client_id or "")
    sent = sha256((credentials.secret or "").encode()).digest()
    # Compared also where there is none, so that the time says nothing about names.
    right = compare_digest(account.secret_hash if account else _NO_SECRET, sent)
    if account is None or credentials.secret is None or not right:
        raise invalid_client(credentials)
    return account


async def ensure_core_account(connection: asyncpg.Connection, settings: IdentitySettings) -> None:
    """Make the core's own account from the settings, as role `worker`; safe from any replica."""
    secret = settings.core_client_secret.get_secret_value()
    await repository.put_account(
        connection,
        account_id=uuid7(),
        client_id=settings.core_client_id,
        secret_hash=sha256(secret.encode()).digest(),
        now=utc_now(),
    )
