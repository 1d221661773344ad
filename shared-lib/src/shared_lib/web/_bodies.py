"""Bodies and queries of requests: what those of all resources share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.config import JsonDict

_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Body(BaseModel):
    """A JSON body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, for PATCH."""
        return self.model_dump(exclude_unset=True)


def without_nul(value: str | None) -> str | None:
    """Refuse text that PostgreSQL cannot store. Raises ValueError."""
    if value and "\x00" in value:
        raise ValueError("PostgreSQL stores no NUL character")
    return value


def _rfc_3339(value: object) -> object:
    """Refuse what pydantic alone would also take: Unix times and dates."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with its zone, such as 2026-01-31T09:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is not within the years 1 to 9999 in UTC") from None


def _true_or_false(value: object) -> object:
    """Refuse what pydantic alone would also take: other words, and numbers."""
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


Instant = Annotated[datetime, BeforeValidator(_rfc_3339), AfterValidator(_in_utc)]
QueryFlag = Annotated[bool, BeforeValidator(_true_or_false)]
# Text is cut to what stands between white space before its length is looked at.
PlainText = AfterValidator(without_nul)
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), PlainText
]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), PlainText]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), PlainText
]


def omitted() -> Any:
    """The default of a field that PATCH may leave out but not set to null."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: JsonDict) -> None:
    schema.pop("default", None)
