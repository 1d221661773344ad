"""Lists: which part is asked for, and the envelope that it is answered in."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, create_model
from typing_extensions import override

from shared_lib.errors import FieldError, ValidationFailed

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
# A count or an offset of PostgreSQL is a bigint; far below it, no list is that long.
_MAX_SKIP = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CURSOR_BYTES = 24
_CURSOR_LENGTH = 32


class Positioned(Protocol):
    """A row with the two columns that lists are ordered by."""

    @property
    def created_at(self) -> datetime: ...
    @property
    def id(self) -> UUID: ...


R = TypeVar("R")
P = TypeVar("P", bound=Positioned)


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page; the next page is what follows it, newest first:
    `(created_at, id) < (position.created_at, position.id)`.
    """

    created_at: datetime
    id: UUID

    def cursor(self) -> str:
        """The position as opaque text: microseconds since 1970 and the id, base64url."""
        instant = (self.created_at - _EPOCH) // _MICROSECOND
        raw = instant.to_bytes(8, "big", signed=True) + self.id.bytes
        return base64.urlsafe_b64encode(raw).decode()

    @classmethod
    def from_cursor(cls, cursor: str) -> "Position":
        """What `cursor` stands for; ValueError when it is none of ours."""
        if len(cursor) != _CURSOR_LENGTH or not cursor.isascii():
            raise ValueError("not a cursor")
        try:
            raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
            created_at = _EPOCH + int.from_bytes(raw[:8], "big", signed=True) * _MICROSECOND
        except (binascii.Error, OverflowError) as error:
            raise ValueError("not a cursor") from error
        return cls(created_at, UUID(bytes=raw[8:_CURSOR_BYTES]))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The part of a list that was asked for.

    `counts`: skip and total are wanted. Otherwise the page starts after the row `after`, or with
    the newest where that is None. Read `fetch` rows, one more than are shown, so that
    `Listing.of` knows whether there is a next page.
    """

    skip: int
    limit: int
    after: Position | None
    counts: bool

    @property
    def fetch(self) -> int:
        """How many rows to read."""
        return self.limit + 1


@dataclass(frozen=True, slots=True)
class Paging:
    """Where a page lies in its list.

    `skip` and `total` are null for a page asked for by cursor, which counts nothing;
    `next_cursor` is null on the last page.
    """

    skip: int | None
    limit: int
    total: int | None
    next_cursor: str | None


class Listing(BaseModel, Generic[R]):
    """One page of a list. `response_model=Listing[PopupRead]` is `PopupListing` in OpenAPI."""

    results: list[R]
    paging: Paging

    @classmethod
    @override
    def __class_getitem__(cls, row: Any) -> Any:
        parametrized = super().__class_getitem__(row)
        return parametrized if isinstance(row, TypeVar) else _named_listing(row, parametrized)

    @staticmethod
    def of(rows: Sequence[P], page: PageRequest, total: int | None = None) -> "Listing[P]":
        """The page made of `rows`, which are `page.fetch` rows of the list at most, newest first.

        `total` is the count of the whole list where `page.counts`.
        """
        results = list(rows[: page.limit])
        more = len(rows) > page.limit
        last = Position(results[-1].created_at, results[-1].id) if more else None
        paging = Paging(
            skip=page.skip if page.counts else None,
            limit=page.limit,
            total=total,
            next_cursor=last.cursor() if last else None,
        )
        # The rows come out of the database and are not validated a second time.
        return Listing.model_construct(results=results, paging=paging)


@cache
def _named_listing(row: type, parametrized: type[BaseModel]) -> type[BaseModel]:
    # pydantic would name the schema Listing_PopupRead_.
    return create_model(f"{row.__name__.removesuffix('Read')}Listing", __base__=parametrized)


def _invalid(code: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError("query.cursor", code, message)])


async def page_request(
    skip: Annotated[
        int | None,
        Query(
            ge=0,
            le=_MAX_SKIP,
            description=(
                "Rows to leave out, newest first. This form counts the whole list and reads every "
                "row left out, so its cost grows with the list; prefer `cursor` for long ones."
            ),
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows to return")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(
            description=(
                "`next_cursor` of the page before, or empty for the first page. This form does "
                "not count (`total` and `skip` are null) and costs the same on every page. Not "
                "together with `skip`."
            )
        ),
    ] = None,
) -> PageRequest:
    """Read `skip`, `limit` and `cursor`; 422 `validation_failed` for what does not fit."""
    if cursor is None:
        return PageRequest(skip=skip or 0, limit=limit, after=None, counts=True)
    if skip is not None:
        raise _invalid("cursor_with_skip", "Use either cursor or skip")
    try:
        after = Position.from_cursor(cursor) if cursor else None
    except ValueError as error:
        raise _invalid("cursor_invalid", "This is no cursor of this list") from error
    return PageRequest(skip=0, limit=limit, after=after, counts=False)


Page = Annotated[PageRequest, Depends(page_request)]
