"""What a token says, for people."""

from datetime import UTC, datetime

from app.core.access import permissions_of
from app.modules.me.schemas import MeRead, SupportRead
from shared_lib.tenancy import UserTx, passing_role


def get_me(tx: UserTx) -> MeRead:
    """The caller of `tx`, who has been admitted."""
    token = tx.caller.token
    if token is None:
        raise LookupError("a guard let an anonymous caller through")
    support = None
    if token.support and token.act:
        expires_at = datetime.fromtimestamp(token.exp, UTC)
        support = SupportRead(token.support.id, token.support.mode, token.act.sub, expires_at)
    return MeRead(
        id=token.sub,
        client_id=token.client_id,
        tenant_id=token.tenant_id,
        role=token.role,
        permissions=sorted(permissions_of(passing_role(token))),
        support=support,
    )
