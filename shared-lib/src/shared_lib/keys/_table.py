"""The table `signing_keys`: which keys there may be at once."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["signing_keys_table"]


def signing_keys_table(metadata: MetaData, info: dict[str, Any] | None = None) -> Table:
    """Declare the table; `info` is its owner's, such as who may reach it.

    Whoever runs the store needs SELECT, INSERT, and UPDATE of `state`, `private_key`,
    `activated_at`, `deactivated_at`, `retired_at` and `revoked_at`.
    """
    return Table(
        "signing_keys",
        metadata,
        Column("kid", Text, primary_key=True),
        Column("state", Text, nullable=False),
        Column("public_jwk", JSONB, nullable=False),
        Column("private_key", LargeBinary),
        Column("published_at", DateTime(timezone=True), nullable=False),
        Column("activated_at", DateTime(timezone=True)),
        Column("deactivated_at", DateTime(timezone=True)),
        Column("retired_at", DateTime(timezone=True)),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("revoked_at", DateTime(timezone=True)),
        CheckConstraint(
            "state IN ('next', 'current', 'previous', 'retired', 'revoked')", name="state"
        ),
        CheckConstraint(
            "(private_key IS NOT NULL) = (state IN ('next', 'current'))",
            name="private_key",
        ),
        CheckConstraint(
            "state = 'revoked' OR (activated_at IS NULL) = (state = 'next')"
            " AND (deactivated_at IS NULL) = (state IN ('next', 'current'))"
            " AND (retired_at IS NULL) = (state <> 'retired')",
            name="instants",
        ),
        CheckConstraint("(revoked_at IS NOT NULL) = (state = 'revoked')", name="revoked"),
        _one_in_state("next"),
        _one_in_state("current"),
        info=info,
    )


def _one_in_state(state: str) -> Index:
    where = text(f"state = '{state}'")
    return Index(f"signing_keys_one_{state}", "state", unique=True, postgresql_where=where)
