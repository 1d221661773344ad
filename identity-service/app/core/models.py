"""The declarative base of every table of identity, and the tables of no single resource."""

from typing import Any, ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from shared_lib.idempotency import AnswerStore
from shared_lib.tables import COLUMN_TYPES, NAMING_CONVENTION

DATABASE = "identity"

metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Base(DeclarativeBase):
    """What every model is made of."""

    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = COLUMN_TYPES


kept_answers = AnswerStore(metadata, roles=("app", "auth", "platform"))
