"""Tables in each format."""

import csv
import io
import json
import math
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet
from hypothesis import given
from hypothesis import strategies as st

from api.http.answers import WRITERS, answer, answer_in_batches, encode
from api.http.formats import Format
from api.http.numbers import render
from api.http.out import Out
from api.http.tables import ColumnType, Rows, Table
from api.http.times import Time, to_rfc3339
from jobs.errors import DatabaseUnavailable

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123457, tzinfo=UTC)
TYPES: dict[str, ColumnType] = {"epoch": "int64", "loss": "float64", "note": "string", "at": "timestamp"}
TABLE = Table(
    TYPES,
    {
        "at": [MOMENT, None, MOMENT.astimezone(timezone(timedelta(hours=2)))],
        "epoch": [1, 2, None],
        "loss": [0.1, math.nan, -math.inf],
        "note": ['a "quoted", one', None, "two\nlines"],
    },
)
EMPTY = Table(TYPES, {name: [] for name in TYPES})


def test_csv_is_rfc_4180():
    assert encode(TABLE, Format.CSV).decode() == (
        "epoch,loss,note,at\r\n"
        '1,0.1,"a ""quoted"", one",2026-03-01T12:30:00.123457Z\r\n'
        "2,nan,,\r\n"
        ',-inf,"two\nlines",2026-03-01T12:30:00.123457Z\r\n'
    )


@given(st.lists(st.floats(allow_nan=False)))
def test_csv_keeps_every_float_exactly(values: list[float]):
    text = encode(Table({"x": "float64"}, {"x": np.array(values, dtype=float)}), Format.CSV).decode()
    _, *rows = csv.reader(io.StringIO(text, newline=""))
    assert [struct.pack("d", float(cell)) for (cell,) in rows] == [struct.pack("d", value) for value in values]


def test_ndjson_has_one_marked_object_a_line():
    lines = encode(TABLE, Format.NDJSON).decode().splitlines()
    assert [json.loads(line) for line in lines[:2]] == [
        {"epoch": 1, "loss": 0.1, "note": 'a "quoted", one', "at": "2026-03-01T12:30:00.123457Z"},
        {"epoch": 2, "loss": None, "note": None, "at": None, "non_finite": {"/loss": "nan"}},
    ]
    assert json.loads(lines[2])["non_finite"] == {"/loss": "-inf"}


def test_parquet_keeps_types_nulls_and_non_finite_numbers():
    columns = read_back(TABLE)
    assert columns["epoch"] == [1, 2, None]
    assert columns["loss"][0] == 0.1
    assert math.isnan(columns["loss"][1])
    assert columns["loss"][2] == -math.inf
    assert columns["note"] == ['a "quoted", one', None, "two\nlines"]
    assert columns["at"] == [MOMENT, None, MOMENT]


def test_an_empty_table_keeps_its_columns_and_their_types():
    schema = read_parquet(io.BytesIO(encode(EMPTY, Format.PARQUET))).read_all().schema
    arrow = [DataType.int64(), DataType.float64(), DataType.string(), DataType.timestamp("us", tz="UTC")]
    assert [schema.field(name).type for name in TYPES] == arrow
    assert encode(EMPTY, Format.CSV) == b"epoch,loss,note,at\r\n"
    assert encode(EMPTY, Format.NDJSON) == b""


@given(st.lists(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)), max_size=5))  # noqa: DTZ001
def test_parquet_keeps_every_microsecond(moments: list[datetime]):
    assert read_back(Table({"at": "timestamp"}, {"at": moments})) == {"at": moments}


def test_columns_of_unequal_length_are_a_mistake():
    with pytest.raises(ValueError, match="shorter"):
        encode(Table({"x": "int64", "y": "int64"}, {"x": [1, 2], "y": [1]}), Format.CSV)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        (Format.CSV, "text/csv; charset=utf-8"),
        (Format.NDJSON, "application/x-ndjson"),
        (Format.PARQUET, "application/vnd.apache.parquet"),
    ],
)
def test_a_file_has_its_type_and_a_name(kind: Format, content_type: str):
    response = answer(kind, "history", document=dict, table=lambda: TABLE)
    assert response.headers["content-type"] == content_type
    assert response.headers["content-disposition"] == f'attachment; filename="history.{kind}"'
    assert response.headers["vary"] == "Accept"


def read_back(table: Table) -> dict[str, list]:
    read = read_parquet(io.BytesIO(encode(table, Format.PARQUET))).read_all()
    return {name: read[name].to_pylist() for name in table.types}


EVERY_TYPE: dict[str, ColumnType] = {
    "int": "int64", "float": "float64", "truth": "bool", "text": "string", "any": "json", "at": "timestamp"
}  # fmt: skip
ROWS = [
    [128, 0.5, True, "relu", {"threshold": 1}, datetime(2026, 3, 1, tzinfo=UTC)],
    [None, None, None, None, None, None],
    [-64, -0.5, False, "-relu", -1, MOMENT],
]


def test_csv_has_numbers_empty_cells_and_the_words_of_json():
    assert encode(Table.of_rows(EVERY_TYPE, ROWS), Format.CSV).decode() == (
        "int,float,truth,text,any,at\r\n"
        '128,0.5,true,relu,"{""threshold"": 1}",2026-03-01T00:00:00.000000Z\r\n'
        ",,,,,\r\n"
        "-64,-0.5,false,'-relu,-1,2026-03-01T12:30:00.123457Z\r\n"
    )


def test_ndjson_has_every_value_as_it_is():
    lines = encode(Table.of_rows(EVERY_TYPE, ROWS), Format.NDJSON).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {**dict(zip(EVERY_TYPE, row[:-1], strict=False)), "at": at}
        for row, at in zip(ROWS, ["2026-03-01T00:00:00.000000Z", None, "2026-03-01T12:30:00.123457Z"], strict=True)
    ]
    assert '"int":128,' in lines[0]


def test_parquet_has_a_column_of_each_type():
    table = Table.of_rows(EVERY_TYPE, ROWS)
    schema = read_parquet(io.BytesIO(encode(table, Format.PARQUET))).read_all().schema
    assert [str(schema.field(name).type) for name in EVERY_TYPE] == [
        str(found) for found in (
            DataType.int64(), DataType.float64(), DataType.bool(), DataType.string(), DataType.string(),
            DataType.timestamp("us", tz="UTC"),
        )
    ]  # fmt: skip
    columns = read_back(table)
    assert columns["any"] == ['{"threshold": 1}', None, "-1"]
    assert (columns["text"], columns["truth"]) == (["relu", None, "-relu"], [True, None, False])


@pytest.mark.parametrize("kind", ["string", "json"])
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_in_a_text_cell_is_text_to_a_spreadsheet_and_exact_elsewhere(first: str, kind: ColumnType):
    text = f"{first}1+cmd|' /C calc'!A0"
    table = Table({"note": kind}, {"note": [text, "a=b", "'", ""]})
    _, *rows = csv.reader(io.StringIO(encode(table, Format.CSV).decode(), newline=""))
    assert [*rows[0], *rows[1]] == [f"'{text}", "a=b"]
    assert json.loads(encode(table, Format.NDJSON).splitlines()[0]) == {"note": text}
    assert read_back(table)["note"] == [text, "a=b", "'", ""]


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_has_the_same_form_everywhere(moment: datetime):
    class Told(Out):
        at: Time

    table = Table({"at": "timestamp"}, {"at": [moment]})
    text = to_rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert datetime.fromisoformat(text) == moment
    assert encode(table, Format.CSV).decode().split("\r\n")[1] == text
    assert json.loads(encode(table, Format.NDJSON)) == json.loads(Told(at=moment).model_dump_json()) == {"at": text}
    assert json.loads(render({"at": moment})) == {"at": text}


@pytest.mark.parametrize("kind", [Format.CSV, Format.NDJSON, Format.PARQUET])
def test_batch_by_batch_is_the_same_file(kind: Format):
    types: dict[str, ColumnType] = {"x": "int64", "y": "float64"}
    rows = [[n, [1 / 3, math.inf, math.nan, None][n % 4]] for n in range(10)]
    batches = [rows[:3], [], rows[3:4], rows[4:]]
    made = b"".join(WRITERS[kind](types, iter(batches)))
    if kind is Format.PARQUET:
        read = read_parquet(io.BytesIO(made)).read_all()
        assert str([read["x"].to_pylist(), read["y"].to_pylist()]) == str([list(c) for c in zip(*rows, strict=True)])
    else:
        assert made == encode(Table.of_rows(types, rows), kind)


@pytest.mark.parametrize("kind", [Format.CSV, Format.NDJSON, Format.PARQUET])
def test_what_fails_before_the_first_piece_is_raised_where_it_can_be_answered(kind: Format):
    def away() -> Iterator[Rows]:
        raise DatabaseUnavailable
        yield

    with pytest.raises(DatabaseUnavailable):
        answer_in_batches(kind, "x", document=lambda: iter([]), types={"x": "int64"}, batches=away())
