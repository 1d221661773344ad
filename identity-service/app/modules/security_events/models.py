"""The table of security events that the core has not confirmed."""

from sqlalchemy import CheckConstraint, Column, DateTime, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.core.models import metadata
from shared_lib.tables import Grant, Policy, Predicate, tenant_table

_RECORDERS = ("auth", "platform")

# The columns of the core's trail. Events of no organization carry `shared_lib.audit.PLATFORM`.
security_events = Table(
    "security_events",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("actor_id", Uuid),
    Column("actor_role", Text),
    Column("subject_id", Uuid),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("resource_id", Text),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("reason", Text),
    Column("client_ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("changes", JSONB),
    CheckConstraint("outcome IN ('succeeded', 'refused', 'failed')", name="outcome"),
    info=tenant_table(
        *(Grant(role, insert=True) for role in ("app", *_RECORDERS)),
        Grant("worker", select=True, insert=True, delete=True),
        every_row=("worker",),
        policies=(Policy(role, Predicate.EVERY_ROW, "INSERT") for role in _RECORDERS),
    ),
)
