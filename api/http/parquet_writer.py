"""Writes rows as Parquet: every column nullable and of its own type, times as UTC microseconds, zstd-compressed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from api.http.tables import ColumnType, Rows, Types
from jobs.values import format_value

MOST_IN_MEMORY = 8_000_000
"""Bytes of a file; a larger one goes through a temporary file."""
PIECE = 256_000
ROW_GROUP = 100_000


def write(types: Types, batches: Iterable[Rows]) -> Iterator[bytes]:
    """Yield the first piece when all is written: a Parquet file ends with its directory."""
    with SpooledTemporaryFile(MOST_IN_MEMORY) as content:
        write_to(content, types, batches)
        content.seek(0)
        while piece := content.read(PIECE):
            yield piece


def write_to(content: IO[bytes], types: Types, batches: Iterable[Rows]) -> None:
    from arro3.core import Field, RecordBatch, RecordBatchReader, Schema  # noqa: PLC0415  # only this format pays for it
    from arro3.io import write_parquet  # noqa: PLC0415

    schema = Schema([Field(name, arrow_type(kind), nullable=True) for name, kind in types.items()])
    failed: list[Exception] = []

    def arrays() -> Iterator[RecordBatch]:
        try:
            for rows in batches:
                columns = [*zip(*rows, strict=True)] or [()] * len(types)
                made = [to_arrow(column, kind) for column, kind in zip(columns, types.values(), strict=True)]
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


def arrow_type(kind: ColumnType) -> Any:  # noqa: ANN401  # arro3 is untyped to us
    from arro3.core import DataType  # noqa: PLC0415

    if kind == "timestamp":
        return DataType.timestamp("us", tz="UTC")
    return DataType.string() if kind == "json" else getattr(DataType, kind)()


def to_arrow(column: Sequence[Any], kind: ColumnType) -> Any:  # noqa: ANN401  # arro3 is untyped to us
    from arro3.core import Array, DataType  # noqa: PLC0415

    if kind == "timestamp":  # which arro3's constructor does not take
        microseconds = [None if moment is None else to_microseconds(moment) for moment in column]
        return Array(microseconds, DataType.int64()).cast(arrow_type(kind))
    if kind == "json":
        column = [None if value is None else format_value(value) for value in column]
    return Array(column, arrow_type(kind))


def to_microseconds(moment: datetime) -> int:
    """Count the microseconds since 1970, in whole numbers: a float of seconds would round."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
