"""A table: columns of equal length, each of a type, that a format's writer turns into a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from api.http.times import to_rfc3339

ColumnType = Literal["bool", "float64", "int64", "json", "string", "timestamp"]
Types = Mapping[str, ColumnType]
"""The columns' types, in the order of the columns."""
Rows = Sequence[Sequence[Any]]  # Any: a cell is None or of its column's type


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length in their order, and the type of each, which an empty column cannot show.

    A cell is None or of its column's type; a timestamp is an aware datetime, a json cell is any JSON value.
    """

    types: Types
    columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]  # Any: as ``types`` says

    @classmethod
    def of_rows(cls, types: Types, rows: Rows) -> Self:
        """Make a table of rows whose cells are in the order of the types."""
        columns = zip(*rows, strict=True) if rows else ((),) * len(types)
        return cls(types, dict(zip(types, columns, strict=True)))

    @classmethod
    def of_objects(cls, types: Types, objects: Sequence[Mapping[str, Any]]) -> Self:
        """Make a table of objects that have a member for each column."""
        return cls(types, {name: [row[name] for row in objects] for name in types})

    def rows(self) -> Rows:
        return [*zip(*(to_list(self.columns[name]) for name in self.types), strict=True)]

    def objects(self) -> list[dict[str, Any]]:
        """Make an object of each row, for an answer in JSON; times are text."""
        columns = {name: to_list(column) for name, column in self.columns.items()}
        times = {
            name: [at and to_rfc3339(at) for at in columns[name]]
            for name, kind in self.types.items()
            if kind == "timestamp"
        }
        rows = zip(*({**columns, **times}[name] for name in self.types), strict=True)
        return [dict(zip(self.types, row, strict=True)) for row in rows]


def to_list(column: Sequence[Any] | np.ndarray[Any, Any]) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column
