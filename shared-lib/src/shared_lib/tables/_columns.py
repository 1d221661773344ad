"""How constraints are named and Python types become columns, the same in both databases."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# For `type_annotation_map`: text is text, and instants know their zone.
COLUMN_TYPES: dict[Any, Any] = {str: Text, UUID: Uuid, datetime: DateTime(timezone=True)}
