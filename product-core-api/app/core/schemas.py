"""What the bodies of all resources share: those of both services, and slugs."""

from typing import Annotated

from pydantic import StringConstraints

from shared_lib.web import (
    Body,
    Instant,
    Name,
    PlainText,
    QueryFlag,
    Reason,
    ShortText,
    omitted,
    without_nul,
)

__all__ = [
    "Body",
    "Instant",
    "Name",
    "PlainText",
    "QueryFlag",
    "Reason",
    "ShortText",
    "Slug",
    "omitted",
    "without_nul",
]

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
