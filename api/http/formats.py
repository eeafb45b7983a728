"""The formats of an answer: their names, media types and schemas, and the headers of a file."""

from collections.abc import Mapping
from enum import StrEnum


class Format(StrEnum):
    """A format, as ``?format=`` names it."""

    JSON = "json"
    CSV = "csv"  # RFC 4180
    NDJSON = "ndjson"  # one JSON object a row
    PARQUET = "parquet"
    SVG = "svg"  # the last two are drawings, see api/plots/drawings.py
    PNG = "png"


MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.SVG: "image/svg+xml",
    Format.PNG: "image/png",
}
TABLES = (Format.JSON, Format.CSV, Format.NDJSON, Format.PARQUET)
DRAWINGS = (Format.SVG, Format.PNG)
TABLE_OR_DRAWING = (Format.JSON, Format.CSV, *DRAWINGS)
VARY = {"Vary": "Accept"}

BINARY = {"type": "string", "format": "binary"}
SCHEMAS: Mapping[Format, Mapping[str, str]] = {
    Format.CSV: {
        "type": "string",
        "description": "RFC 4180. An empty cell is null. Text that begins with = + - @, a tab or a carriage "
        "return has an apostrophe before it, so that no spreadsheet takes it for a formula; NDJSON and Parquet keep it "
        "unchanged.",
    },
    Format.NDJSON: {"type": "string", "description": "The rows of the CSV, a JSON object a line; text unchanged."},
    Format.PARQUET: {**BINARY, "description": "The rows of the CSV with their types, times in UTC; zstd-compressed."},
    Format.SVG: {"type": "string", "description": "The same, drawn."},
    Format.PNG: {**BINARY, "description": "The same, drawn."},
}
EXAMPLES: Mapping[Format, Mapping[str, str]] = {
    Format.NDJSON: {"example": '{"epoch":1}\n{"epoch":2}\n'},
    Format.SVG: {"example": '<svg xmlns="http://www.w3.org/2000/svg"></svg>'},
}


def make_headers(kind: Format, stem: str) -> dict[str, str]:
    """Make the headers of a file named by the stem (ASCII) and the format: a drawing is shown, a table is saved."""
    disposition = "inline" if kind in DRAWINGS else "attachment"
    return {"Content-Disposition": f'{disposition}; filename="{stem}.{kind}"', **VARY}
