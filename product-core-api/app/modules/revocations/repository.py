"""All SQL about revocations."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, bindparam, delete, func
from sqlalchemy.dialects.postgresql import insert

from app.modules.revocations.models import Revocation
from shared_lib.tables import Statement
from shared_lib.tenancy import ServiceTx

_values = {
    column.name: bindparam(column.name, type_=column.type) for column in Revocation.__table__.c
}
_insert = insert(Revocation).values(_values)
_KEEP: Statement[Any] = Statement(
    _insert.on_conflict_do_update(
        index_elements=["subject_id", "kind", "tenant_id"],
        set_={
            "not_before": func.greatest(Revocation.not_before, _insert.excluded.not_before),
            "ended_at": func.greatest(Revocation.ended_at, _insert.excluded.ended_at),
            "received_at": func.greatest(Revocation.received_at, _insert.excluded.received_at),
        },
    )
)
_FORGET: Statement[Any] = Statement(
    delete(Revocation).where(
        Revocation.received_at < bindparam("before", type_=DateTime(timezone=True)),
        # Whoever has the private part signs new ones.
        Revocation.kind != "signing_key",
    )
)


async def keep(
    tx: ServiceTx,
    *,
    subject_id: UUID,
    kind: str,
    tenant_id: UUID,
    not_before: datetime | None,
    ended_at: datetime,
    received_at: datetime,
) -> None:
    """Remember a revocation; of two for the same subject the later wins, in any order."""
    await tx.execute(
        _KEEP,
        subject_id=subject_id,
        kind=kind,
        tenant_id=tenant_id,
        not_before=not_before,
        ended_at=ended_at,
        received_at=received_at,
    )


async def forget(tx: ServiceTx, now: datetime, longest_token: timedelta) -> None:
    """Delete revocations of tokens that have all died of age; a key's never have."""
    await tx.execute(_FORGET, before=now - longest_token)
