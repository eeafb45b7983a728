"""Writes rows as CSV (RFC 4180) with a header line.

None is empty, floats are in their shortest exact form or inf, -inf, nan, and a truth value is JSON's word. Text that a
spreadsheet would take for a formula is preceded by an apostrophe; a number never is.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from api.http.tables import ColumnType, Rows, Types
from api.http.times import to_rfc3339
from jobs.values import format_value

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters that a spreadsheet takes for the beginning of a formula."""


def write(types: Types, batches: Iterable[Rows]) -> Iterator[bytes]:
    """Yield the header with the first batch, then batch by batch."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # whose defaults are RFC 4180's commas, quotes and CRLF
    writer.writerow(types)
    for rows in batches:
        columns = zip(*rows, strict=True)
        cells = [write_column(column, kind) for column, kind in zip(columns, types.values(), strict=False)]
        writer.writerows(zip(*cells, strict=True))
        yield empty(text)
    yield empty(text)


def write_column(column: Sequence[Any], kind: ColumnType) -> Sequence[Any]:
    write_cell = CELLS.get(kind)
    return column if write_cell is None else [None if cell is None else write_cell(cell) for cell in column]


def write_text(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def write_json(value: JsonValue) -> str:
    return write_text(value) if isinstance(value, str) else format_value(value)


CELLS: Mapping[ColumnType, Callable[[Any], str]] = {
    "timestamp": to_rfc3339,
    "string": write_text,
    "json": write_json,
    "bool": format_value,
}


def empty(text: io.StringIO) -> bytes:
    """Take everything out of the buffer."""
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content
