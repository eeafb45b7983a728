"""Numbers in JSON: every float survives exactly, and a non-finite one is null with a marker that says what it was."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from pydantic_core import to_json
from starlette.responses import JSONResponse

from api.http.times import rfc3339

# Any: a JSON document is as nested as its endpoint likes.
Document = Mapping[str, Any]

# As text, in a query, a path or a header. Python's int() and float() take any script's digits, "1_000" and " 5 ".
INTEGER = re.compile("-?[0-9]+")
DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class ExactJSON(JSONResponse):
    """A JSON response whose numbers are rendered as above."""

    def render(self, content: Document) -> bytes:
        return render(content)


def render(document: Document) -> bytes:
    """The document as JSON, marked; floats as the shortest text that reads back as the same float64."""
    return to_json(marked(document))


def marked(document: Document) -> dict[str, Any]:
    """The document with null for every inf and nan, and a ``non_finite`` member in each object that held one.

    ``non_finite`` maps JSON pointers (RFC 6901), relative to that object, to "inf", "-inf" or "nan". NumPy arrays,
    of one dimension, become lists; they and lists of nothing but floats are searched at NumPy's speed. Times become
    text.
    """
    found: dict[str, str] = {}
    finite = {key: _finite(value, f"/{_escaped(key)}", found) for key, value in document.items()}
    return {**finite, "non_finite": found} if found else finite


def _finite(value: Any, pointer: str, found: dict[str, str]) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, float) and not math.isfinite(value):
        found[pointer] = _word(value)
        return None
    if isinstance(value, Mapping):
        return marked(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, np.ndarray) or _only_floats(value):
        return _finite_array(np.asarray(value), pointer, found)
    if isinstance(value, list | tuple):
        return [_finite(item, f"{pointer}/{index}", found) for index, item in enumerate(value)]
    return value


def _finite_array(array: np.ndarray[Any, Any], pointer: str, found: dict[str, str]) -> list[Any]:
    items: list[Any] = array.tolist()
    for index in np.flatnonzero(~np.isfinite(array)).tolist():
        found[f"{pointer}/{index}"] = _word(items[index])
        items[index] = None
    return items


def _only_floats(value: object) -> bool:
    return isinstance(value, list | tuple) and {*map(type, value)} == {float}


def _word(value: float) -> str:
    return str(float(value))  # Python's own: inf, -inf, nan


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
