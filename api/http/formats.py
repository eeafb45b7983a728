"""One table, several formats: which one a request wants, and the table as CSV, NDJSON or Parquet."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Literal, Self

import numpy as np
from fastapi import HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from api.http import numbers
from api.http.times import rfc3339
from api.http.validation import invalid_value
from jobs.words import words

QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
ColumnType = Literal["bool", "float64", "int64", "json", "string", "timestamp"]
MOST_IN_MEMORY = 8_000_000
"""Bytes of a Parquet file; a larger one goes through a temporary file."""
PIECE = 256_000
ROW_GROUP = 100_000


class Format(StrEnum):
    """As ``?format=`` names it."""

    JSON = "json"
    CSV = "csv"  # RFC 4180
    NDJSON = "ndjson"  # one JSON object a row
    PARQUET = "parquet"
    SVG = "svg"  # the last two are drawings, see api/plots/drawings.py
    PNG = "png"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.SVG: "image/svg+xml",
    Format.PNG: "image/png",
}


def negotiated(*offered: Format) -> Callable[..., Format]:
    """A dependency: the format a request wants among those offered; the first is the default.

    ``?format=`` wins over ``Accept``. Of two types that ``Accept`` likes equally, the one it names more precisely
    wins, then the one offered first.

    Raises (when a request is served):
        RequestValidationError: ``?format=`` names none of them.
        HTTPException: 406, ``Accept`` allows none of them.
    """
    query = Query(
        description="The response's format, in place of the Accept header.",
        json_schema_extra={"enum": [*offered]},
        examples=[offered[-1]],
    )

    def chosen(request: Request, format: Annotated[str | None, query] = None) -> Format:  # noqa: A002  # its public name
        if format is not None:
            return _named(format, offered)
        return _accepted(",".join(request.headers.getlist("accept")), offered)

    return chosen


def _named(name: str, offered: Sequence[Format]) -> Format:
    for choice in offered:
        if name == choice:
            return choice
    message = f"format is one of {', '.join(offered)}"
    raise RequestValidationError([invalid_value(("query", "format"), message, name)])


def _accepted(header: str, offered: Sequence[Format]) -> Format:
    ranges = [*weighted(header or "*/*")]
    preferences = {choice: _preference(MEDIA_TYPES[choice], ranges) for choice in offered}
    best = max(offered, key=lambda choice: preferences[choice])
    if preferences[best] <= NOT_ACCEPTED:
        raise HTTPException(406, f"available as {', '.join(MEDIA_TYPES[choice] for choice in offered)}")
    return best


def weighted(header: str) -> Iterator[tuple[str, float]]:
    """Each member of a header such as Accept with its quality (RFC 9110, 12.4.2), in lower case; malformed ones not."""
    for member in header.split(","):
        name, *parameters = (part.strip().lower() for part in member.split(";"))
        quality = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
        if QUALITY.fullmatch(quality):
            yield name, float(quality)


NOT_ACCEPTED = (0.0, 0)


def _preference(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The quality that the most precise of the matching ranges gives, and how precise that one is."""
    patterns = ["*/*", media_type.partition("/")[0] + "/*", media_type]
    matches = [(patterns.index(pattern) + 1, quality) for pattern, quality in ranges if pattern in patterns]
    precision, quality = max(matches, default=(0, 0.0))
    return (quality, precision) if quality > 0 else NOT_ACCEPTED


def documented(csv: str, *others: Format) -> dict[int | str, dict[str, Any]]:
    """For an endpoint's `responses`: that it also answers as CSV, such as this, and in other formats."""
    content: dict[str, Any] = {MEDIA_TYPES[Format.CSV]: {"schema": SCHEMAS[Format.CSV], "example": csv}}
    for kind in others:
        content[MEDIA_TYPES[kind]] = {"schema": SCHEMAS[kind], **EXAMPLES.get(kind, {})}
    return {200: {"content": content}}


BINARY = {"type": "string", "format": "binary"}
SCHEMAS: Mapping[Format, Mapping[str, str]] = {
    Format.CSV: {
        "type": "string",
        "description": "RFC 4180. An empty cell is null. Text that begins with = + - @, a tab or a carriage return has "
        "an apostrophe before it, so that no spreadsheet takes it for a formula; NDJSON and Parquet have it as it is.",
    },
    Format.NDJSON: {
        "type": "string",
        "description": "The rows of the CSV, a JSON object a line; text as it is.",
    },
    Format.PARQUET: {**BINARY, "description": "The rows of the CSV with their types, times in UTC; zstd-compressed."},
    Format.SVG: {"type": "string", "description": "The same, drawn."},
    Format.PNG: {**BINARY, "description": "The same, drawn."},
}
EXAMPLES: Mapping[Format, Mapping[str, str]] = {
    Format.NDJSON: {"example": '{"epoch":1}\n{"epoch":2}\n'},
    Format.SVG: {"example": '<svg xmlns="http://www.w3.org/2000/svg"></svg>'},
}


Rows = Sequence[Sequence[Any]]  # Any: a cell is None or of its column's type


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length in their order, and the type of each, which an empty column cannot show.

    A cell is None or of its column's type; a timestamp is an aware datetime, a json cell is any JSON value.
    """

    types: Mapping[str, ColumnType]
    columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]  # Any: as ``types`` says

    @classmethod
    def of_rows(cls, types: Mapping[str, ColumnType], rows: Rows) -> Self:
        """The same from its rows, whose cells are in the order of the types."""
        return cls(types, {name: [row[at] for row in rows] for at, name in enumerate(types)})

    def rows(self) -> Rows:
        return [*zip(*(_plain(self.columns[name]) for name in self.types), strict=True)]


def file(table: Table, kind: Format, stem: str) -> Response:
    """The table as a file to save, named by the stem (ASCII) and the format. JSON is the endpoint's own affair."""
    return Response(WRITERS[kind](table), media_type=MEDIA_TYPES[kind], headers=headers(stem, kind))


def streamed(types: Mapping[str, ColumnType], batches: Iterable[Rows], kind: Format, stem: str) -> Response:
    """The same of rows that come batch by batch, and are sent so: it never has more than a batch in memory.

    What fails before the first batch is written is raised here, and can still be answered as an error. Later it breaks
    the connection off: a file that ends cleanly is whole. Parquet is sent when it is whole.
    """
    return sent(PIECES[kind](types, batches), kind, headers(stem, kind))


def sent(pieces: Iterator[bytes], kind: Format, headers: Mapping[str, str]) -> Response:
    """The first piece is made now, the others as the client takes them."""
    first = next(pieces, b"")
    return StreamingResponse(chain([first], pieces), media_type=MEDIA_TYPES[kind], headers=headers)


def headers(stem: str, kind: Format) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{stem}.{kind}"', "Vary": "Accept"}


# --- CSV ---


def to_csv(table: Table) -> bytes:
    """RFC 4180 with a header line.

    None is empty, floats are in their shortest exact form or inf, -inf, nan, and truth is a word of JSON. Text that a
    spreadsheet would take for a formula has an apostrophe before it; a number never.
    """
    return b"".join(csv_pieces(table.types, [table.rows()]))


def csv_pieces(types: Mapping[str, ColumnType], batches: Iterable[Rows]) -> Iterator[bytes]:
    """The header comes with the first batch."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # whose defaults are RFC 4180's commas, quotes and CRLF
    writer.writerow(types)
    for rows in batches:
        columns = zip(*rows, strict=True)
        written = [_csv_column(column, kind) for column, kind in zip(columns, types.values(), strict=False)]
        writer.writerows(zip(*written, strict=True))
        yield _emptied(text)
    yield _emptied(text)


def _csv_column(column: Sequence[Any], kind: ColumnType) -> Sequence[Any]:
    write = CSV_CELLS.get(kind)
    return column if write is None else [None if cell is None else write(cell) for cell in column]


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters that a spreadsheet takes for the beginning of a formula."""


def _csv_text(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv_json(value: JsonValue) -> str:
    return _csv_text(value) if isinstance(value, str) else words(value)


CSV_CELLS: Mapping[ColumnType, Callable[[Any], str]] = {
    "timestamp": rfc3339,
    "string": _csv_text,
    "json": _csv_json,
    "bool": words,
}


def _emptied(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content


# --- NDJSON ---


def to_ndjson(table: Table) -> bytes:
    """One object a row; non-finite numbers marked as in every JSON of ours."""
    return b"".join(ndjson_pieces(table.types, [table.rows()]))


def ndjson_pieces(types: Mapping[str, ColumnType], batches: Iterable[Rows]) -> Iterator[bytes]:
    for rows in batches:
        yield b"".join(to_json(row) + b"\n" for row in objects(types, rows))


def objects(types: Mapping[str, ColumnType], rows: Rows) -> Iterator[dict[str, Any]]:
    """The rows as every JSON of ours has them; those of finite numbers alone, which most are, are not searched."""
    if not rows:
        return
    times = [name for name, kind in types.items() if kind == "timestamp"]
    floats = [at for at, kind in enumerate(types.values()) if kind == "float64"]
    numbers_of = np.array([[row[at] for at in floats] for row in rows], np.float64)  # None becomes nan
    searched = {*np.flatnonzero(~np.isfinite(numbers_of).all(axis=1)).tolist()}
    for at, row in enumerate(rows):
        found = dict(zip(types, row, strict=True))
        for name in times:
            found[name] = None if found[name] is None else rfc3339(found[name])
        yield numbers.marked(found) if at in searched else found


# --- Parquet ---


def to_parquet(table: Table) -> bytes:
    """Every column nullable and of its own type, times as UTC microseconds, zstd-compressed."""
    content = io.BytesIO()
    write_parquet_to(content, table.types, [table.rows()])
    return content.getvalue()


def parquet_pieces(types: Mapping[str, ColumnType], batches: Iterable[Rows]) -> Iterator[bytes]:
    """The first when all is written: Parquet says at its end what is where."""
    with SpooledTemporaryFile(MOST_IN_MEMORY) as content:
        write_parquet_to(content, types, batches)
        content.seek(0)
        while piece := content.read(PIECE):
            yield piece


def write_parquet_to(content: IO[bytes], types: Mapping[str, ColumnType], batches: Iterable[Rows]) -> None:
    from arro3.core import Field, RecordBatch, RecordBatchReader, Schema  # noqa: PLC0415  # only this format pays for it
    from arro3.io import write_parquet  # noqa: PLC0415

    schema = Schema([Field(name, _arrow_type(kind), nullable=True) for name, kind in types.items()])
    failed: list[Exception] = []

    def arrays() -> Iterator[RecordBatch]:
        try:
            for rows in batches:
                columns = [*zip(*rows, strict=True)] or [()] * len(types)
                made = [_arrow(column, kind) for column, kind in zip(columns, types.values(), strict=True)]
                yield RecordBatch.from_arrays(made, schema=schema)
        except Exception as error:
            failed.append(error)
            raise

    try:
        reader = RecordBatchReader.from_batches(schema, arrays())
        write_parquet(reader, content, compression="zstd(3)", max_row_group_size=ROW_GROUP)
    except Exception:
        if failed:
            raise failed[0] from None  # of which arro3 has made an Exception of its own
        raise


def _arrow_type(kind: ColumnType) -> Any:  # noqa: ANN401  # arro3 is untyped to us
    from arro3.core import DataType  # noqa: PLC0415

    if kind == "timestamp":
        return DataType.timestamp("us", tz="UTC")
    return DataType.string() if kind == "json" else getattr(DataType, kind)()


def _arrow(column: Sequence[Any], kind: ColumnType) -> Any:  # noqa: ANN401  # arro3 is untyped to us
    from arro3.core import Array, DataType  # noqa: PLC0415

    if kind == "timestamp":  # which arro3's constructor does not take
        microseconds = [None if moment is None else _microseconds(moment) for moment in column]
        return Array(microseconds, DataType.int64()).cast(_arrow_type(kind))
    if kind == "json":
        column = [None if value is None else words(value) for value in column]
    return Array(column, _arrow_type(kind))


def _microseconds(moment: datetime) -> int:
    """Since 1970, in whole numbers: a float of seconds would round."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _plain(column: Sequence[Any] | np.ndarray[Any, Any]) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column


WRITERS: Mapping[Format, Callable[[Table], bytes]] = {
    Format.CSV: to_csv,
    Format.NDJSON: to_ndjson,
    Format.PARQUET: to_parquet,
}
PIECES: Mapping[Format, Callable[[Mapping[str, ColumnType], Iterable[Rows]], Iterator[bytes]]] = {
    Format.CSV: csv_pieces,
    Format.NDJSON: ndjson_pieces,
    Format.PARQUET: parquet_pieces,
}
