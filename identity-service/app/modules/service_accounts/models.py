"""The tables of service accounts, of their secrets, and of tokens that they revoked."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, Policy, Predicate, tenant_table

_SHOWN = (
    *("tenant_id", "account_id", "id", "created_at"),
    *("expires_at", "revoked_at", "last_used_at"),
)


class ServiceAccount(Base):
    """A program of an organization; its `id` is its OAuth client id. Once revoked, for ever.

    `created_by` outlives the person. Tokens issued until `tokens_not_before` are dead.
    """

    __tablename__ = "service_accounts"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    active: Mapped[bool] = mapped_column(Computed("revoked_at IS NULL", persisted=True))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    tokens_not_before: Mapped[datetime | None]

    __table_args__: Any = (
        CheckConstraint("role IN ('admin', 'standard', 'viewer')", name="role"),
        CheckConstraint(
            "revoked_at IS NULL OR coalesce(tokens_not_before >= revoked_at, false)", name="revoked"
        ),
        Index("ix_service_accounts_newest", "tenant_id", "created_at", "id"),
        # Whoever authenticates itself names no organization.
        Index("ix_service_accounts_id", "id"),
        {
            "info": tenant_table(
                Grant("app", select=True, insert=True, update=("revoked_at", "tokens_not_before")),
                Grant("auth", select=("tenant_id", "id", "role", "active", "tokens_not_before")),
                # What ended is told again when the databases were restored.
                Grant("worker", select=("tenant_id", "id", "tokens_not_before")),
                every_row=("worker",),
                policies=(Policy("auth", Predicate.ITSELF, "SELECT"),),
            )
        },
    )


class ServiceAccountSecret(Base):
    """A secret of 256 random bits, by its SHA-256. Two of an account are alive at most."""

    __tablename__ = "service_account_secrets"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    __table_args__: Any = (
        ForeignKeyConstraint(
            ["tenant_id", "account_id"], ["service_accounts.tenant_id", "service_accounts.id"]
        ),
        CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
        Index("ix_service_account_secrets_account_id", "account_id"),
        {
            "info": tenant_table(
                # T7: whoever serves members cannot read a hash.
                Grant("app", select=_SHOWN, insert=True, update=("revoked_at",)),
                Grant("auth", select=(*_SHOWN, "secret_hash"), update=("last_used_at",)),
                policies=(Policy("auth", Predicate.ACCOUNT),),
            )
        },
    )


class RevokedToken(Base):
    """An access token, by its `jti`, that its service account revoked before it expired."""

    __tablename__ = "revoked_tokens"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    jti: Mapped[UUID] = mapped_column(primary_key=True)
    revoked_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__: Any = (
        ForeignKeyConstraint(
            ["tenant_id", "account_id"], ["service_accounts.tenant_id", "service_accounts.id"]
        ),
        {
            "info": tenant_table(
                Grant("auth", select=True, insert=True, delete=True),
                Grant("worker", select=("jti", "revoked_at")),
                every_row=("worker",),
                policies=(Policy("auth", Predicate.ACCOUNT),),
            )
        },
    )
