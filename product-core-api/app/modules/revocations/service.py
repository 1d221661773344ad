"""What follows from a revocation."""

from datetime import timedelta
from uuid import UUID

from app.modules.revocations import repository
from app.modules.revocations.schemas import RevocationKind, RevocationsReceive
from app.modules.support_sessions import service as support_sessions
from shared_lib.clock import utc_now
from shared_lib.jwks import JwksClient
from shared_lib.tenancy import ServiceTx
from shared_lib.tokens import LONGEST_LIFE, signing_key_id

_NO_TENANT = UUID(int=0)
_AGENTS = (RevocationKind.SESSION, RevocationKind.PERSON)
# A minute more, because the clocks of the services may differ.
_KEPT_FOR = timedelta(seconds=LONGEST_LIFE + 60)


async def receive_revocations(
    tx: ServiceTx, keys: JwksClient, received: RevocationsReceive
) -> None:
    """Remember each, and end the support sessions that stood on it, in one transaction.

    From its end on admission refuses them in every process. That a revoked key leaves the key set
    too, and so the one that a restart begins with, happens in the background.
    """
    now = utc_now()
    for revocation in received.revocations:
        subject_id = revocation.subject_id
        if isinstance(subject_id, str):
            keys.refresh_without(subject_id)
            subject_id = signing_key_id(subject_id)
        await repository.keep(
            tx,
            subject_id=subject_id,
            kind=revocation.kind,
            tenant_id=revocation.tenant_id or _NO_TENANT,
            not_before=revocation.not_before,
            ended_at=revocation.ended_at,
            received_at=now,
        )
        if revocation.kind in _AGENTS:
            until = revocation.not_before or now
            await support_sessions.end_revoked(tx, subject_id, until)
    await repository.forget(tx, now, _KEPT_FOR)
