"""Lists of rows, newest first: the one way in which resources read them."""

from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import DateTime, Integer, Uuid, bindparam, func, literal_column, tuple_

from shared_lib.tables import Statement
from shared_lib.tenancy._transaction import Tx
from shared_lib.web import Listing, PageRequest, Positioned

Row = TypeVar("Row", bound=Positioned)


class NewestFirst(Generic[Row]):
    """A list ordered by `(created, identity)`, both descending; by skip or by cursor.

    `expression` is the select without order and limit; `row` the class of its rows. An index on
    the columns of its conditions followed by `created` and `identity` makes every page by cursor
    cost the same.
    """

    def __init__(self, expression: Any, row: type[Row], *, created: Any, identity: Any) -> None:
        after = tuple_(
            bindparam("after_created", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid),
        )
        ordered = expression.order_by(created.desc(), identity.desc())
        self._first = _limited(ordered, row)
        self._after = _limited(ordered.where(tuple_(created, identity) < after), row)
        self._skipped: Statement[Row] = Statement(
            ordered.limit(bindparam("limit", type_=Integer)).offset(
                bindparam("skip", type_=Integer)
            ),
            row,
        )
        self._count: Statement[int] = Statement(
            expression.with_only_columns(func.count(), maintain_column_froms=True), int
        )

    async def page(self, tx: Tx, page: PageRequest, **parameters: Any) -> "Listing[Row]":
        """The part of the list that `page` asks for; `parameters` are the expression's own."""
        if page.counts:
            total = await tx.one(self._count, **parameters)
            rows = await tx.rows(self._skipped, limit=page.fetch, skip=page.skip, **parameters)
            return Listing.of(rows, page, total)
        if page.after is None:
            return Listing.of(await tx.rows(self._first(page.fetch), **parameters), page)
        rows = await tx.rows(
            self._after(page.fetch),
            after_created=page.after.created_at,
            after_id=page.after.id,
            **parameters,
        )
        return Listing.of(rows, page)


def _limited(ordered: Any, row: type[Row]) -> Callable[[int], Statement[Row]]:
    """The statement for each number of rows, of which there are a hundred.

    The number stands in the text: of a LIMIT that is a parameter PostgreSQL expects a tenth of the
    rows, takes its general plan for dear, and plans every time anew, a third of what a list costs.
    """

    @cache
    def limited(rows: int) -> Statement[Row]:
        return Statement(ordered.limit(literal_column(format(rows, "d"))), row)

    return limited
