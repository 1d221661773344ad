"""SQL written once as a SQLAlchemy expression, compiled once, run on the raw connection."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy.dialects.postgresql import asyncpg as dialects
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler

from shared_lib.tables._rows import row_maker

Row = TypeVar("Row")
_DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]
_REQUIRED = object()
_FLOAT8 = 701  # the one type whose processor asks for its number; no table has numeric columns
_Processor = Callable[[Any], Any]


class Statement(Generic[Row]):
    """A compiled statement and the class of its rows, whose fields are its columns in order.

    Parameters are `bindparam("name")` without a value; IN lists are written `= ANY(:ids)`.
    Raises TypeError for an expression that would have to be compiled at each call.
    """

    def __init__(self, expression: Executable, row: Callable[..., Row] | None = None) -> None:
        compiled = expression.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
            raise TypeError("write lists as = ANY(:name): this statement changes with its values")
        self.sql = str(compiled)
        self._parameters = [_parameter(compiled, name) for name in compiled.positiontup or ()]
        self._names = frozenset(
            name for name, default, _ in self._parameters if default is _REQUIRED
        )
        self._make = None if row is None else row_maker(row)
        self._processors = _result_processors(expression)

    @property
    def names(self) -> frozenset[str]:
        """The parameters that a call gives."""
        return self._names

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """`given` in the order of the placeholders. Raises KeyError for a missing parameter."""
        values = []
        for name, default, process in self._parameters:
            value = given[name] if default is _REQUIRED else default
            values.append(value if process is None or value is None else process(value))
        return values

    def rows(self, records: Iterable[Any]) -> list[Row]:
        """Row objects from records of the driver."""
        if self._make is None or self._processors:
            return [self.row(record) for record in records]
        return list(map(self._make, records))

    def row(self, record: Any) -> Row:
        """One row object from a record of the driver."""
        if self._make is None:
            raise TypeError("this statement has no row class")
        if self._processors:
            values = list(record)
            for index, process in self._processors:
                values[index] = process(values[index])
            return self._make(values)
        return self._make(record)


def _parameter(compiled: SQLCompiler, name: str) -> tuple[str, Any, _Processor | None]:
    bind = compiled.binds[name]
    implementation = bind.type.dialect_impl(_DIALECT)
    default = _REQUIRED if bind.required else compiled.params[name]
    return name, default, implementation.bind_processor(_DIALECT)


def _result_processors(expression: Executable) -> list[tuple[int, _Processor]]:
    columns = getattr(expression, "exported_columns", ())
    processors = (
        column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, _FLOAT8) for column in columns
    )
    return [(index, process) for index, process in enumerate(processors) if process is not None]
