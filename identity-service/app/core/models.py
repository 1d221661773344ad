"""The declarative base of every table of identity."""

from typing import Any, ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from shared_lib.tables import COLUMN_TYPES, NAMING_CONVENTION

DATABASE = "identity"

metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Base(DeclarativeBase):
    """What every model is made of."""

    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = COLUMN_TYPES
