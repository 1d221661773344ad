"""The rules of revocations."""

from datetime import datetime
from uuid import UUID

from app.modules.revocations import repository
from app.modules.revocations.schemas import Kind, Revocation
from shared_lib.ids import uuid7
from shared_lib.tenancy import Tx

__all__ = ["revoke_session"]


async def revoke_session(tx: Tx, session_id: UUID, ended_at: datetime) -> None:
    """Tell the core, once `tx` has committed, that a sign-in session has ended for ever."""
    revocation = Revocation(
        id=uuid7(),
        kind=Kind.SESSION,
        subject_id=session_id,
        tenant_id=None,
        not_before=None,
        ended_at=ended_at,
    )
    await repository.insert_revocation(tx, revocation)
