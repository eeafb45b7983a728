"""Bodies, before any model looks at them."""

import json
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.http import strict_json
from api.http.errors import find_pointer


def refused(text: str) -> dict[str, str]:
    """The messages of the answer by JSON pointer."""
    with pytest.raises(RequestValidationError) as refusal:
        strict_json.parse(text.encode())
    return {find_pointer(entry, refusal.value.body): entry["msg"] for entry in refusal.value.errors()}


@pytest.mark.parametrize(
    "document",
    [
        {"text": "é😀\u202e", "list": [1, 2.5, None, True, "", [], {}]},
        [0.1, 1e308, 5e-324, -0.0],
        10**308,
        "a string alone",
        {"deep": json.loads("[" * 60 + "]" * 60)},
    ],
)
def test_what_is_plain_json_comes_as_it_is(document: Any) -> None:
    assert strict_json.parse(json.dumps(document).encode()) == document


def test_a_byte_order_mark_is_no_part_of_the_document() -> None:
    assert strict_json.parse(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'{"a": {"\ud800": 1}}', "/a"),
        (r'{"a": ["x", "\ud83d"]}', "/a/1"),
        (r'"\udc00\ud800"', ""),
        (r'{"a/b": "\u0000"}', "/a~1b"),
        (r'{"\u0000": 1}', ""),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "/b/c"),
        ('{"a": [{"b": 1, "b": 2}]}', "/a/0/b"),
        ('{"a": 1e400}', "/a"),
        ('{"a": [0.5, -1e400]}', "/a/1"),
        ('{"a": NaN}', "/a"),
        ("[1, -Infinity]", "/1"),
        ("9" * 310, ""),
        ('{"a": ' + "1" * 5000 + "}", "/a"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_at_its_place(text: str, place: str) -> None:
    assert [*refused(text)] == [place]


def test_no_more_faults_are_told_than_a_person_reads() -> None:
    assert len(refused("[" + ",".join(["NaN"] * 50_000) + "]")) == strict_json.MOST_FAULTS


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[1,]",
        b"{'a': 1}",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        '{"a": 1}'.encode("utf-16"),
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"01",
        b"+1",
        b"1_000",
        "\u0661".encode(),
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(HTTPException) as refusal:
        strict_json.parse(body)
    assert refusal.value.status_code == 400
    assert len(refusal.value.detail) < 120
