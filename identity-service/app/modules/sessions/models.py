"""The tables of sign-in sessions and of refresh tokens; a session is the family of its tokens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table

_REASON = "read before anyone is known"
_REASONS = (
    "ended_reason IN ('signed_out', 'signed_out_everywhere', 'ended_by_person', "
    "'refresh_token_reused', 'password_changed', 'password_reset', 'person_deactivated')"
)


class SignInSession(Base):
    """One sign-in. `amr` lists its methods (RFC 8176), separated by spaces.

    `tenant_id` is the organization that the last token was for. `client_ip` and `user_agent` say
    where it began, `last_client_ip` where its last token went; None where nobody knows.
    """

    __tablename__ = "sign_in_sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    client_id: Mapped[str]
    amr: Mapped[str]
    auth_time: Mapped[datetime]
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    ended_reason: Mapped[str | None]
    client_ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    last_client_ip: Mapped[str | None]

    __table_args__: Any = (
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended"),
        CheckConstraint(_REASONS, name="reason"),
        {
            "info": global_table(
                Grant(
                    "auth",
                    select=True,
                    insert=True,
                    update=(
                        "tenant_id",
                        "last_used_at",
                        "last_client_ip",
                        "ended_at",
                        "ended_reason",
                    ),
                ),
                Grant(
                    "platform",
                    select=("id", "person_id", "expires_at", "ended_at"),
                    update=("ended_at", "ended_reason"),
                ),
                Grant(
                    "worker",
                    select=("id", "person_id", "auth_time", "expires_at", "ended_at"),
                    delete=True,
                ),
                Grant("definer", select=True),
                reason=_REASON,
            )
        },
    )


class RefreshToken(Base):
    """One refresh token, by its SHA-256.

    `answer` is what a spent token was exchanged for, encrypted under a key made of that token.
    """

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sign_in_sessions.id"), index=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None]
    answer: Mapped[bytes | None]

    __table_args__: Any = (
        CheckConstraint("answer IS NULL OR spent_at IS NOT NULL", name="answer"),
        {
            "info": global_table(
                Grant("auth", select=True, insert=True, update=("spent_at", "answer")),
                Grant("worker", select=("token_hash", "session_id"), delete=True),
                reason=_REASON,
            )
        },
    )
