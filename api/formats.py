"""One table, several formats: which one a request wants, and the table as CSV, NDJSON or Parquet."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import numpy as np
from fastapi import HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from api import numbers
from api.validation import invalid_value

ColumnType = Literal["float64", "int64", "string", "timestamp"]


class Format(StrEnum):
    """As ``?format=`` names it."""

    JSON = "json"
    CSV = "csv"  # RFC 4180
    NDJSON = "ndjson"  # one JSON object a row
    PARQUET = "parquet"
    SVG = "svg"  # the last two are drawings, see api/drawings.py
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
    ranges = [*_media_ranges(header or "*/*")]
    preferences = {choice: _preference(MEDIA_TYPES[choice], ranges) for choice in offered}
    best = max(offered, key=lambda choice: preferences[choice])
    if preferences[best] <= NOT_ACCEPTED:
        raise HTTPException(406, f"available as {', '.join(MEDIA_TYPES[choice] for choice in offered)}")
    return best


def _media_ranges(header: str) -> Iterator[tuple[str, float]]:
    """Each media range of an Accept header with its quality, as RFC 9110 (12.5.1) defines them; malformed ones not."""
    for member in header.split(","):
        media_range, *parameters = (part.strip().lower() for part in member.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            yield media_range, float(quality)
        except ValueError:
            continue


NOT_ACCEPTED = (0.0, 0)


def _preference(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The quality that the most precise of the matching ranges gives, and how precise that one is."""
    patterns = ["*/*", media_type.partition("/")[0] + "/*", media_type]
    matches = [(patterns.index(pattern) + 1, quality) for pattern, quality in ranges if pattern in patterns]
    precision, quality = max(matches, default=(0, 0.0))
    return (quality, precision) if quality > 0 else NOT_ACCEPTED


def documented(csv: str, *others: Format) -> dict[int | str, dict[str, Any]]:
    """For an endpoint's `responses`: that it also answers as CSV, such as this, and in other formats."""
    content: dict[str, Any] = {MEDIA_TYPES[Format.CSV]: {"schema": {"type": "string"}, "example": csv}}
    for kind in others:
        content[MEDIA_TYPES[kind]] = {"schema": SCHEMAS[kind], **EXAMPLES.get(kind, {})}
    return {200: {"content": content}}


BINARY = {"type": "string", "format": "binary"}
SCHEMAS: Mapping[Format, Mapping[str, str]] = {
    Format.NDJSON: {"type": "string", "description": "The rows of the CSV, a JSON object each, a line each."},
    Format.PARQUET: {**BINARY, "description": "The rows of the CSV with their types, times in UTC; zstd-compressed."},
    Format.SVG: {"type": "string", "description": "The same, drawn."},
    Format.PNG: {**BINARY, "description": "The same, drawn."},
}
EXAMPLES: Mapping[Format, Mapping[str, str]] = {
    Format.NDJSON: {"example": '{"epoch":1}\n{"epoch":2}\n'},
    Format.SVG: {"example": '<svg xmlns="http://www.w3.org/2000/svg"></svg>'},
}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length in their order, and the type of each, which an empty column cannot show.

    A cell is None or of its column's type; a timestamp is an aware datetime.
    """

    types: Mapping[str, ColumnType]
    columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]  # Any: as ``types`` says

    @classmethod
    def of_rows(cls, types: Mapping[str, ColumnType], rows: Sequence[Sequence[Any]]) -> Self:
        """The same from its rows, whose cells are in the order of the types."""
        return cls(types, {name: [row[at] for row in rows] for at, name in enumerate(types)})

    def rows(self) -> Iterator[tuple[Any, ...]]:
        return zip(*(_plain(self.columns[name]) for name in self.types), strict=True)


def file(table: Table, kind: Format, stem: str) -> Response:
    """The table as a file to save, named by the stem (ASCII) and the format. JSON is the endpoint's own affair."""
    return Response(
        WRITERS[kind](table),
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{stem}.{kind}"', "Vary": "Accept"},
    )


def to_csv(table: Table) -> bytes:
    """RFC 4180 with a header line; None is empty, floats are in their shortest exact form or inf, -inf, nan."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # whose defaults are RFC 4180's commas, quotes and CRLF
    writer.writerow(table.types)
    writer.writerows(table.rows() if "timestamp" not in table.types.values() else _with_times_as_text(table))
    return text.getvalue().encode()


def _with_times_as_text(table: Table) -> Iterator[list[Any]]:
    for row in table.rows():
        yield [rfc3339(cell) if isinstance(cell, datetime) else cell for cell in row]


def rfc3339(moment: datetime) -> str:
    """As pydantic writes times in JSON."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_ndjson(table: Table) -> bytes:
    """One object a row; non-finite numbers marked as in every JSON of ours."""
    return b"".join(numbers.render(dict(zip(table.types, row, strict=True))) + b"\n" for row in table.rows())


def to_parquet(table: Table) -> bytes:
    """Every column nullable and of its own type, times as UTC microseconds, zstd-compressed."""
    from arro3.core import Field, Schema  # noqa: PLC0415  # only this format pays for arro3
    from arro3.core import Table as ArrowTable  # noqa: PLC0415
    from arro3.io import write_parquet  # noqa: PLC0415

    arrays = [_arrow(table.columns[name], kind) for name, kind in table.types.items()]
    fields = [Field(name, array.type, nullable=True) for name, array in zip(table.types, arrays, strict=True)]
    content = io.BytesIO()
    write_parquet(ArrowTable.from_arrays(arrays, schema=Schema(fields)), content, compression="zstd(3)")
    return content.getvalue()


def _arrow(column: Sequence[Any] | np.ndarray[Any, Any], kind: ColumnType) -> Any:  # noqa: ANN401  # arro3 is untyped to us
    from arro3.core import Array, DataType  # noqa: PLC0415

    if kind == "timestamp":  # which arro3's constructor does not take
        microseconds = [None if moment is None else _microseconds(moment) for moment in column]
        return Array(microseconds, DataType.int64()).cast(DataType.timestamp("us", tz="UTC"))
    return Array(_plain(column), getattr(DataType, kind)())


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
