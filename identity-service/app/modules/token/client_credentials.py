"""The client credentials grant (RFC 6749 section 4.4) by which the core speaks for itself; one file
per grant.
"""

from app.core.forms import OAuthRequest
from app.core.process import Process, issued_at
from app.modules.clients import service as clients
from app.modules.token.schemas import MachineTokenRead
from shared_lib.errors import OAuthError
from shared_lib.tenancy import Tx, Unit
from shared_lib.tokens import IDENTITY_AUDIENCE, internal_audience


async def client_credentials(
    process: Process, unit: Unit[Tx], request: OAuthRequest
) -> MachineTokenRead:
    """A token for identity's `/internal/` operations, and for nothing else. Raises OAuthError."""
    async with unit.transaction() as tx:
        account = await clients.authenticate(tx, request)
    audience = internal_audience(IDENTITY_AUDIENCE)
    if request.require("audience") != audience:
        raise OAuthError(
            "invalid_target",
            code="audience_not_allowed",
            description=f"the audience must be {audience}",
        )
    lifetime = process.settings.access_token_lifetime
    claims = process.claims.service(
        sub=account.id,
        client_id=account.client_id,
        audience=IDENTITY_AUDIENCE,
        iat=issued_at(),
        lifetime=lifetime,
    )
    return MachineTokenRead(process.sign(claims), lifetime)
