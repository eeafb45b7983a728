"""Numbers in JSON."""

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.numbers import ExactJSON, mark, render


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_finite_float_survives_exactly(values: list[float]):
    read = json.loads(render({"value": values}))["value"]
    assert np.array(read).tobytes() == np.array(values).tobytes()  # -0.0 too


def test_a_finite_document_is_left_as_it_is():
    document = {"a": [1.5, -0.0], "b": {"c": 1, "d": None, "e": True}, "f": "nan", "g": [], "h": [1, "x", None]}
    assert mark(document) == document


@pytest.mark.parametrize(("value", "word"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan")])
def test_a_non_finite_number_is_null_and_named(value: float, word: str):
    assert mark({"loss": value}) == {"loss": None, "non_finite": {"/loss": word}}
    assert mark({"loss": np.float64(value)}) == {"loss": None, "non_finite": {"/loss": word}}


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_an_element_is_named_by_its_index(kind: type):
    document = {"x": kind([0.0, 1.0]), "value": kind([math.nan, 1.0, -math.inf])}
    assert json.loads(render(document)) == {
        "x": [0.0, 1.0],
        "value": [None, 1.0, None],
        "non_finite": {"/value/0": "nan", "/value/2": "-inf"},
    }


def test_a_list_of_mixed_items_is_searched_too():
    assert mark({"row": [1, math.nan, "a"]}) == {"row": [1, None, "a"], "non_finite": {"/row/1": "nan"}}
    nested = {"matrix": [[1.0, 2.0], [3.0, math.inf]]}
    assert mark(nested) == {"matrix": [[1.0, 2.0], [3.0, None]], "non_finite": {"/matrix/1/1": "inf"}}


def test_the_marker_stands_in_the_object_that_holds_the_number():
    document = {"epochs": [{"loss": 1.0}, {"loss": math.nan}], "best": {"loss": math.inf}}
    assert mark(document) == {
        "epochs": [{"loss": 1.0}, {"loss": None, "non_finite": {"/loss": "nan"}}],
        "best": {"loss": None, "non_finite": {"/loss": "inf"}},
    }


def test_a_pointer_escapes_what_json_pointers_escape():
    assert mark({"a/b~c": math.nan})["non_finite"] == {"/a~1b~0c": "nan"}


def test_the_document_itself_is_not_changed():
    values = [math.nan, 1.0]
    mark({"value": values})
    assert math.isnan(values[0])


def test_the_response_is_strict_json():
    response = ExactJSON({"value": [math.inf, 0.1], "at": datetime(2026, 1, 2, tzinfo=UTC)})
    assert response.media_type == "application/json"
    assert bytes(response.body) == (
        b'{"value":[null,0.1],"at":"2026-01-02T00:00:00.000000Z","non_finite":{"/value/0":"inf"}}'
    )
