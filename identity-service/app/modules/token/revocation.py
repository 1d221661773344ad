"""Token revocation (RFC 7009): what a client gives back."""

from datetime import UTC, datetime

from app.core.database import transaction_of, transaction_of_account
from app.core.forms import OAuthRequest
from app.core.process import WEB_CLIENT, Process
from app.modules.clients import service as clients
from app.modules.clients.schemas import Client
from app.modules.service_accounts import service as service_accounts
from app.modules.sessions import ending
from app.modules.sessions import service as sessions
from app.modules.token.domain import invalid_grant
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit
from shared_lib.tokens import TokenData


async def revoke(process: Process, unit: Unit[Tx], request: OAuthRequest) -> None:
    """End what a token stands on, if it is the client's. Raises OAuthError.

    A refresh token and a person's access token end their sign-in session, as signing out does; a
    service account's access token ends alone. A token that is none, or is dead, is no error
    (section 2.2). Somebody else's access token is one (section 2.1), and tells nothing: whoever
    has it reads as much in it. The hint is not needed (section 2.1).
    """
    client = await clients.identify(unit, request)
    text = request.require("token")
    token = await process.verify_any(text)
    if token is not None:
        await _revoke_access_token(unit, client, token)
    elif client is None:
        await _revoke_refresh_token(unit, text)


async def _revoke_refresh_token(unit: Unit[Tx], refresh_token: str) -> None:
    async with unit.transaction() as tx:
        family = await sessions.find_family(tx, refresh_token)
    if family is not None:
        async with transaction_of(unit, family.person_id) as tx:
            await ending.end_of_client(tx, family.session_id, family.person_id, WEB_CLIENT)


async def _revoke_access_token(unit: Unit[Tx], client: Client | None, token: TokenData) -> None:
    if token.client_id != (WEB_CLIENT if client is None else client.client_id):
        raise invalid_grant("client_not_allowed", "the token was issued to another client")
    if client is None and token.sid is not None:
        async with transaction_of(unit, token.sub) as tx:
            await ending.end_of_client(tx, token.sid, token.sub, WEB_CLIENT)
    elif client is not None and client.machine is not None and token.session_id is not None:
        async with transaction_of_account(unit, client.id) as tx:
            await service_accounts.revoke_token(
                tx,
                client.machine,
                token.session_id,
                expires_at=datetime.fromtimestamp(token.exp, UTC),
            )
    else:
        raise OAuthError(
            "unsupported_token_type",
            code="unsupported_token_type",
            description="tokens of support sessions and of services are not revoked here",
        )
