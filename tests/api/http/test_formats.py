"""Which format a request wants, and tables in each."""

import csv
import io
import json
import math
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import numpy as np
import pytest
from arro3.core import DataType
from arro3.io import read_parquet
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from api.http import formats
from api.http.formats import Format, Table
from api.http.numbers import render
from api.http.out import Out
from api.http.times import Time, rfc3339
from jobs.errors import DatabaseUnavailable

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123457, tzinfo=UTC)
TYPES: dict[str, formats.ColumnType] = {"epoch": "int64", "loss": "float64", "note": "string", "at": "timestamp"}
TABLE = Table(
    TYPES,
    {
        "at": [MOMENT, None, MOMENT.astimezone(timezone(timedelta(hours=2)))],
        "epoch": [1, 2, None],
        "loss": [0.1, math.nan, -math.inf],
        "note": ['a "quoted", one', None, "two\nlines"],
    },
)
TABLES = (Format.JSON, Format.CSV, Format.NDJSON, Format.PARQUET)
EMPTY = Table(TYPES, {name: [] for name in TYPES})

app = FastAPI()


@app.get("/table")
def table(kind: Annotated[Format, Depends(formats.negotiated(*TABLES))]) -> str:
    return kind


@app.get("/drawn")
def drawn(kind: Annotated[Format, Depends(formats.negotiated(Format.CSV, Format.JSON))]) -> str:
    return kind


@app.exception_handler(RequestValidationError)
def say_where(_: Request, error: Exception) -> PlainTextResponse:
    assert isinstance(error, RequestValidationError)
    return PlainTextResponse(repr([(e["loc"], e["msg"]) for e in error.errors()]), 422)


client = TestClient(app, headers={"Accept": ""})


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("application/*", "json"),
        ("text/csv", "csv"),
        ("Text/CSV; charset=utf-8", "csv"),
        ("text/*", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("application/vnd.apache.parquet", "parquet"),
        ("application/json;q=0.4, text/csv;q=0.5", "csv"),
        ("text/csv, application/json", "json"),  # equal: the first offered
        ("text/csv, */*", "csv"),  # equal: the more precise
        ("text/csv;q=0.5, */*;q=0.9", "json"),
        ("application/json;q=0, */*", "csv"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "json"),
        ("text/csv;q=nonsense, application/x-ndjson;q=0.1", "ndjson"),
    ],
)
def test_accept_chooses_by_quality_then_precision_then_our_order(accept: str, chosen: str):
    assert client.get("/table", headers={"Accept": accept}).json() == chosen


def test_several_accept_headers_count_as_one():
    headers = [("Accept", "image/png"), ("Accept", "text/csv")]
    assert client.get("/table", headers=headers).json() == "csv"


def test_the_first_offered_is_the_default():
    assert client.get("/drawn").json() == "csv"


@pytest.mark.parametrize("accept", ["image/png", "text/html, image/*", "text/csv;q=0", "nonsense", "*/*;q=0"])
def test_an_accept_header_that_allows_nothing_offered_is_406(accept: str):
    response = client.get("/table", headers={"Accept": accept})
    assert response.status_code == 406
    assert "text/csv" in response.json()["detail"]


def test_the_query_wins_over_the_header():
    assert client.get("/table?format=parquet", headers={"Accept": "text/csv"}).json() == "parquet"
    assert client.get("/table?format=csv", headers={"Accept": "image/png"}).json() == "csv"


@pytest.mark.parametrize(
    ("path", "known"),
    [("/table?format=xml", "json, csv, ndjson, parquet"), ("/drawn?format=parquet", "csv, json")],
)
def test_a_format_that_is_not_offered_is_422_and_names_those_that_are(path: str, known: str):
    response = client.get(path)
    assert response.status_code == 422
    assert response.text == repr([(("query", "format"), f"format is one of {known}")])


def test_openapi_lists_the_formats_offered():
    (parameter,) = app.openapi()["paths"]["/drawn"]["get"]["parameters"]
    assert (parameter["name"], parameter["schema"]["enum"]) == ("format", ["csv", "json"])


def test_csv_is_rfc_4180():
    assert formats.to_csv(TABLE).decode() == (
        "epoch,loss,note,at\r\n"
        '1,0.1,"a ""quoted"", one",2026-03-01T12:30:00.123457Z\r\n'
        "2,nan,,\r\n"
        ',-inf,"two\nlines",2026-03-01T12:30:00.123457Z\r\n'
    )


@given(st.lists(st.floats(allow_nan=False)))
def test_csv_keeps_every_float_exactly(values: list[float]):
    text = formats.to_csv(Table({"x": "float64"}, {"x": np.array(values, dtype=float)})).decode()
    _, *rows = csv.reader(io.StringIO(text, newline=""))
    assert [struct.pack("d", float(cell)) for (cell,) in rows] == [struct.pack("d", value) for value in values]


def test_ndjson_has_one_marked_object_a_line():
    lines = formats.to_ndjson(TABLE).decode().splitlines()
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
    schema = read_parquet(io.BytesIO(formats.to_parquet(EMPTY))).read_all().schema
    arrow = [DataType.int64(), DataType.float64(), DataType.string(), DataType.timestamp("us", tz="UTC")]
    assert [schema.field(name).type for name in TYPES] == arrow
    assert formats.to_csv(EMPTY) == b"epoch,loss,note,at\r\n"
    assert formats.to_ndjson(EMPTY) == b""


@given(st.lists(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)), max_size=5))  # noqa: DTZ001
def test_parquet_keeps_every_microsecond(moments: list[datetime]):
    assert read_back(Table({"at": "timestamp"}, {"at": moments})) == {"at": moments}


def test_columns_of_unequal_length_are_a_mistake():
    with pytest.raises(ValueError, match="shorter"):
        formats.to_csv(Table({"x": "int64", "y": "int64"}, {"x": [1, 2], "y": [1]}))


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        (Format.CSV, "text/csv; charset=utf-8"),
        (Format.NDJSON, "application/x-ndjson"),
        (Format.PARQUET, "application/vnd.apache.parquet"),
    ],
)
def test_a_file_has_its_type_and_a_name(kind: Format, content_type: str):
    response = formats.file(TABLE, kind, "history")
    assert response.headers["content-type"] == content_type
    assert response.headers["content-disposition"] == f'attachment; filename="history.{kind}"'
    assert response.headers["vary"] == "Accept"


def read_back(table: Table) -> dict[str, list]:
    read = read_parquet(io.BytesIO(formats.to_parquet(table))).read_all()
    return {name: read[name].to_pylist() for name in table.types}


EVERY_TYPE: dict[str, formats.ColumnType] = {
    "int": "int64", "float": "float64", "truth": "bool", "text": "string", "any": "json", "at": "timestamp"
}  # fmt: skip
ROWS = [
    [128, 0.5, True, "relu", {"threshold": 1}, datetime(2026, 3, 1, tzinfo=UTC)],
    [None, None, None, None, None, None],
    [-64, -0.5, False, "-relu", -1, MOMENT],
]


def test_csv_has_numbers_empty_cells_and_the_words_of_json():
    assert formats.to_csv(Table.of_rows(EVERY_TYPE, ROWS)).decode() == (
        "int,float,truth,text,any,at\r\n"
        '128,0.5,true,relu,"{""threshold"": 1}",2026-03-01T00:00:00.000000Z\r\n'
        ",,,,,\r\n"
        "-64,-0.5,false,'-relu,-1,2026-03-01T12:30:00.123457Z\r\n"
    )


def test_ndjson_has_every_value_as_it_is():
    lines = formats.to_ndjson(Table.of_rows(EVERY_TYPE, ROWS)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {**dict(zip(EVERY_TYPE, row[:-1], strict=False)), "at": at}
        for row, at in zip(ROWS, ["2026-03-01T00:00:00.000000Z", None, "2026-03-01T12:30:00.123457Z"], strict=True)
    ]
    assert '"int":128,' in lines[0]


def test_parquet_has_a_column_of_each_type():
    table = Table.of_rows(EVERY_TYPE, ROWS)
    schema = read_parquet(io.BytesIO(formats.to_parquet(table))).read_all().schema
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
def test_a_formula_in_a_text_cell_is_text_to_a_spreadsheet_and_exact_elsewhere(first: str, kind: formats.ColumnType):
    text = f"{first}1+cmd|' /C calc'!A0"
    table = Table({"note": kind}, {"note": [text, "a=b", "'", ""]})
    _, *rows = csv.reader(io.StringIO(formats.to_csv(table).decode(), newline=""))
    assert [*rows[0], *rows[1]] == [f"'{text}", "a=b"]
    assert json.loads(formats.to_ndjson(table).splitlines()[0]) == {"note": text}
    assert read_back(table)["note"] == [text, "a=b", "'", ""]


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_has_the_same_form_everywhere(moment: datetime):
    class Told(Out):
        at: Time

    table = Table({"at": "timestamp"}, {"at": [moment]})
    text = rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert datetime.fromisoformat(text) == moment
    assert formats.to_csv(table).decode().split("\r\n")[1] == text
    assert json.loads(formats.to_ndjson(table)) == json.loads(Told(at=moment).model_dump_json()) == {"at": text}
    assert json.loads(render({"at": moment})) == {"at": text}


@pytest.mark.parametrize("kind", [Format.CSV, Format.NDJSON, Format.PARQUET])
def test_batch_by_batch_is_the_same_file(kind: Format):
    types: dict[str, formats.ColumnType] = {"x": "int64", "y": "float64"}
    rows = [[n, [1 / 3, math.inf, math.nan, None][n % 4]] for n in range(10)]
    batches = [rows[:3], [], rows[3:4], rows[4:]]
    made = b"".join(formats.PIECES[kind](types, iter(batches)))
    if kind is Format.PARQUET:
        read = read_parquet(io.BytesIO(made)).read_all()
        assert str([read["x"].to_pylist(), read["y"].to_pylist()]) == str([list(c) for c in zip(*rows, strict=True)])
    else:
        assert made == formats.WRITERS[kind](Table.of_rows(types, rows))


@pytest.mark.parametrize("kind", [Format.CSV, Format.NDJSON, Format.PARQUET])
def test_what_fails_before_the_first_piece_is_raised_where_it_can_be_answered(kind: Format):
    def away() -> Iterator[formats.Rows]:
        raise DatabaseUnavailable
        yield

    with pytest.raises(DatabaseUnavailable):
        formats.streamed({"x": "int64"}, away(), kind, "x")
