"""Answers in the format that a request chose: as JSON, as a table or as a drawing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Protocol

from starlette.responses import Response, StreamingResponse

from api.http import csv_writer, ndjson_writer, parquet_writer
from api.http.formats import DRAWINGS, MEDIA_TYPES, VARY, Format, make_headers
from api.http.numbers import Document, ExactJSON
from api.http.tables import Rows, Table, Types

Writer = Callable[[Types, Iterable[Rows]], Iterator[bytes]]

WRITERS: Mapping[Format, Writer] = {
    Format.CSV: csv_writer.write,
    Format.NDJSON: ndjson_writer.write,
    Format.PARQUET: parquet_writer.write,
}


class Drawable(Protocol):
    """Renders itself as SVG or PNG; see api/plots/drawings.py."""

    def render(self, kind: Format) -> bytes: ...


def answer(
    kind: Format,
    stem: str,
    *,
    document: Callable[[], Document],
    table: Callable[[], Table],
    drawing: Callable[[], Drawable] | None = None,
) -> Response:
    """Answer in this format; of the three only the one that it takes is made. The stem names the file."""
    if kind is Format.JSON:
        return ExactJSON(document(), headers=VARY)
    if drawing is not None and kind in DRAWINGS:
        return draw(kind, stem, drawing())
    return send_file(encode(table(), kind), kind, stem)


def answer_in_batches(
    kind: Format, stem: str, *, document: Callable[[], Iterator[bytes]], types: Types, batches: Iterable[Rows]
) -> Response:
    """Answer with rows that are read batch by batch, with no more than a batch in memory; `document` is the JSON.

    What fails before the first batch is written is raised here, and can still be answered as an error. Later it breaks
    the connection off: a file that ends cleanly is whole. Parquet is sent when it is whole.
    """
    if kind is Format.JSON:
        return stream(document(), kind, VARY)
    return stream(WRITERS[kind](types, batches), kind, make_headers(kind, stem))


def draw(kind: Format, stem: str, drawing: Drawable) -> Response:
    """Answer with a drawing, for a browser to show or to save. The same data give the same bytes."""
    return send_file(drawing.render(kind), kind, stem)


def encode(table: Table, kind: Format) -> bytes:
    return b"".join(WRITERS[kind](table.types, [table.rows()]))


def send_file(content: bytes, kind: Format, stem: str) -> Response:
    return Response(content, media_type=MEDIA_TYPES[kind], headers=make_headers(kind, stem))


def stream(pieces: Iterator[bytes], kind: Format, headers: Mapping[str, str]) -> Response:
    """Make the first piece now, the others as the client takes them."""
    first = next(pieces, b"")
    return StreamingResponse(chain([first], pieces), media_type=MEDIA_TYPES[kind], headers=headers)
