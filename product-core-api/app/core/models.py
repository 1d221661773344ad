"""The declarative base, and the tables that belong to no single resource."""

from typing import Any, ClassVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from shared_lib.idempotency import AnswerStore
from shared_lib.tables import (
    COLUMN_TYPES,
    NAMING_CONVENTION,
    Grant,
    Policy,
    Predicate,
    global_table,
    tenant_table,
)

DATABASE = "product"

metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Base(DeclarativeBase):
    """What every model is made of."""

    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = COLUMN_TYPES


row_history = Table(
    "row_history",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("table_name", Text, nullable=False),
    Column("row_id", Uuid, nullable=False),
    Column("operation", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("actor_id", Uuid),
    Column("support_session_id", Uuid),
    Column("request_id", Text),
    Column("before", JSONB),
    Column("after", JSONB),
    CheckConstraint("operation IN ('INSERT', 'UPDATE', 'DELETE')", name="operation"),
    info=tenant_table(
        Grant("app", select=True),
        Grant("definer", insert=True),
        policies=(Policy("definer", Predicate.EVERY_ROW, "INSERT"),),
    ),
)

kept_answers = AnswerStore(metadata, roles=("app", "platform"))

stored_key_sets = Table(
    "stored_key_sets",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("id = 1", name="only_one"),
    info=global_table(
        Grant("worker", select=True, insert=True, update=("document", "stored_at")),
        reason="public keys of the identity service, read at start before anyone is known",
    ),
)
