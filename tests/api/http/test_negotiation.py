"""Formats that a request chooses."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from api.http.formats import TABLES, Format
from api.http.negotiation import offer

app = FastAPI()


@app.get("/table")
def table(kind: Annotated[Format, Depends(offer(*TABLES))]) -> str:
    return kind


@app.get("/drawn")
def drawn(kind: Annotated[Format, Depends(offer(Format.CSV, Format.JSON))]) -> str:
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
