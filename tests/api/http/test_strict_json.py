"""Bodies, before any model looks at them."""

import json
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from api.http import strict_json
from api.http.errors import find_pointer

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
PLAIN = NUMBERS | st.booleans() | st.none() | TEXT
LONG_LIST = [0.5] * (strict_json.LONG // 3)


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


@pytest.mark.parametrize("escaped", [False, True])
@given(document=st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_a_long_document_comes_as_a_short_one_does(document: Any, *, escaped: bool) -> None:
    body = json.dumps({"list": LONG_LIST, "document": document}, ensure_ascii=escaped).encode()
    assert repr(strict_json.parse(body)) == repr(json.loads(body))  # the types and the sign of 0 too


@pytest.mark.parametrize("digits", ["-0", "-0.0", "1E3", "1e-400", "0.1000000000000000055511151231257827"])
def test_a_number_of_a_long_document_is_the_one_of_a_short_one(digits: str) -> None:
    assert repr(strict_json.parse_lists(f"[{digits}]".encode())) == repr(json.loads(f"[{digits}]"))


def test_a_list_of_numbers_is_parsed_the_short_way() -> None:
    document = {"x": [0.5, -1, 2], "clip": {"by": "norm"}}
    assert strict_json.parse_lists(json.dumps(document).encode()) == document


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
        ('{"a": [1], "a": [1]}', "/a"),
        (r'{"a": "\u003a", "a": "\u003a"}', "/a"),
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
    assert [*refused(text + " " * strict_json.LONG)] == [place]


def test_no_more_faults_are_told_than_a_person_reads() -> None:
    assert len(refused("[" + ",".join(["NaN"] * 50_000) + "]")) == strict_json.MOST_FAULTS


@pytest.mark.parametrize("padding", ["", " " * strict_json.LONG])
def test_an_object_has_no_more_members_than_any_endpoint_takes(padding: str) -> None:
    members = {f"name {number}": number for number in range(strict_json.MAX_MEMBERS)}
    assert strict_json.parse((json.dumps(members) + padding).encode()) == members
    document = {"base": members | {"one more": 1}}
    assert refused(json.dumps(document) + padding) == {"/base": "has 257 fields; the maximum is 256"}


@pytest.mark.parametrize("part", ["0", "{}", "[]", '""', r'"\n"'])
def test_a_document_has_no_more_values_than_any_endpoint_takes(part: str) -> None:
    assert [*refused(f"[{','.join([part] * (strict_json.MAX_VALUES + 1))}]")] == [""]


def test_the_longest_list_that_an_endpoint_takes_is_no_document_of_too_many_values() -> None:
    assert len(strict_json.parse(json.dumps({"x": [0.5] * 100_000}).encode())["x"]) == 100_000


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
    for padding in (b"", b" " * strict_json.LONG):
        with pytest.raises(HTTPException) as refusal:
            strict_json.parse(body + padding)
        assert refusal.value.status_code == 400
        assert len(refusal.value.detail) < 120
